"""Duplicates: reports that may tell of the same matter."""
