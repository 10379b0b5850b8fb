"""Matters of the ledger, and the special handling of serious ones."""
