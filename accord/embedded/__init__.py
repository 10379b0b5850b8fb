"""The embedded stack: its folder, its ports, its processes, and the supervisor that keeps them."""
