"""Clocks of a service: stored, fired, explained, moved and verified."""
