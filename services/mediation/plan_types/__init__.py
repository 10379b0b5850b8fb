"""Plan types in versions: what each published one says is kept for good."""
