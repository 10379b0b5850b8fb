"""What Accord is made of, and how a release of it is handed out (`docs/supply-chain.md`). Not in the wheel."""
