"""What is public of reports, by rules/public."""
