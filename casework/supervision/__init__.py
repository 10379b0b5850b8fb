"""Supervision: what units owe each other where a matter is let lie, and what is counted."""
