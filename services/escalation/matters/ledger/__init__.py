"""The ledger of matters (清单台账)."""
