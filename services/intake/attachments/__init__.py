"""What partners attach to their items beside photos."""
