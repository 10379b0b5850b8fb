"""Who opened whose data."""
