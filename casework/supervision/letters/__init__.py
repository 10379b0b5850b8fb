"""Supervision letters, and what calls for one."""
