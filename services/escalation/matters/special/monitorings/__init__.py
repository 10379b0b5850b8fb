"""Long-term monitoring of matters."""
