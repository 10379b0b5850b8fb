"""Clues about matters and units: received, verified, transferred, handled, and what their result was used for."""
