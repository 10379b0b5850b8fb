"""The list of officials that heads keep, and the names that papers take from it."""
