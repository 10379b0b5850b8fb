"""Duplicates: reports that may be about the same matter."""
