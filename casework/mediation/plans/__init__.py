"""Plan types in versions, and how running cases move from one to another."""
