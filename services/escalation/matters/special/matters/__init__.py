"""Matters of the ledger as special handling reads them."""
