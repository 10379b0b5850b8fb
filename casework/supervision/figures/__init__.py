"""Figures: what is counted over which period, and what of it may be published."""
