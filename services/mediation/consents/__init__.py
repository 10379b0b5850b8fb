"""Consent: what each party said to each step, and leaving."""
