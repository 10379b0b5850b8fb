"""Lists of the ledger, counts over it, what an export holds."""
