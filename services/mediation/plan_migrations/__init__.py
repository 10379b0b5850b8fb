"""Migrations of running cases to another version of a plan type, and their reports."""
