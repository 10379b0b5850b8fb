"""Temporal: its client, search attributes, failures; and the health page of a process."""
