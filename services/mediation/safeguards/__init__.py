"""Safeguards: the private question about violence, and the narrow alert."""
