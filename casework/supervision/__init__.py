"""Supervision: what happens between units when a matter is neglected, and what is counted."""
