"""Special handling of matters of the ledger: plans, task forces, lead officials, experts, long-term monitoring."""
