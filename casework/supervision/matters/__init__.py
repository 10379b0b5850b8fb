"""Matters on the ledger, and the special handling of grave ones."""
