"""Invitations of parties, and signing in by them."""
