"""Statistics over a subtree, on the screen and as a file."""
