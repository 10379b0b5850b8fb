"""Plans of matters."""
