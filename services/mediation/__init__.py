"""The case: one plan, its tasks, its closing."""
