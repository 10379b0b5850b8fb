"""Daily digests: new, due today, overdue, waiting for which unit."""
