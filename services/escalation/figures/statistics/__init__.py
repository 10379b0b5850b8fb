"""Statistics over a subtree, as a message and as a file."""
