"""Indicators counted over the facts."""
