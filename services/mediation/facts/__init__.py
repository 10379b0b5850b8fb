"""What supervision counts of cases."""
