"""Daily digests: new, due today, overdue, waiting for whom."""
