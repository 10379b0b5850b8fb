"""Matters that a court, the police or a petition office hands over."""
