"""Matters of the ledger as special handling sees them."""
