"""Backlog: old matters counted as of any day, and plans to clear them."""
