"""Guards of the doors: what somebody without an account has to show before they file."""
