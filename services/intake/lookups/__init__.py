"""Lookups: what codes mean, read from the rules and the contracts."""
