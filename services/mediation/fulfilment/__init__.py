"""Performance of agreements, and the steps taken after a default."""
