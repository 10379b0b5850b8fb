"""Raising a matter: ladders and levels, and who stands in or takes over."""
