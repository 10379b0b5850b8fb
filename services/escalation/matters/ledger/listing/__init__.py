"""Lists of the ledger, counts over it, contents of an export."""
