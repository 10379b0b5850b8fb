"""Task forces of matters."""
