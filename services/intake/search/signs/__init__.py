"""Keyed signs of the words of open reports."""
