"""Grants: access to one case for a time."""
