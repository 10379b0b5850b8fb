"""Invitations of parties, and signing in with them."""
