"""Guards of the doors: what callers without an account must show before they file."""
