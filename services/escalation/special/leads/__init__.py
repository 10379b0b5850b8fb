"""Lead officials of matters."""
