"""Import of reports from other systems: a file, a mapping, a preview, and a transfer that survives interruption."""
