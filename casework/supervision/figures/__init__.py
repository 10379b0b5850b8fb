"""Figures: what is counted over which period, and which counts may be published."""
