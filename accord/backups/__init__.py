"""Backups: the database at one moment, the evidence, and what a restore is checked against; never a key."""
