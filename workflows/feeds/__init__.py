"""Consumers of the feeds besides the relay: facts for supervision, case ownership, erasures; each with its position."""
