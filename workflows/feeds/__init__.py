"""Consumers of the feeds beside the relay: facts for supervision, whose a case is, erasures; each keeps its place."""
