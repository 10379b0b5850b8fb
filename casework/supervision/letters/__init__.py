"""Supervision letters, and what triggers one."""
