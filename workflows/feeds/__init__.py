"""Consumers of the feeds besides the relay, each with its position: facts, ownership, what reporters say, erasures."""
