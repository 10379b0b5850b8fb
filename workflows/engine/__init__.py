"""Temporal: its client, search attributes, failures; and how a process that works with it says how it is."""
