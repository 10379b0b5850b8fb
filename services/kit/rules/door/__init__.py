"""Readers of the rules of the door: how matters come in, are graded, found alike, kept and shown."""
