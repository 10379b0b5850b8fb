"""Consent: each party's answer to each step, and leaving."""
