"""How the plan of a running case changes."""
