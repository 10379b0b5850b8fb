"""Supervision letters: the workflow that follows one to its end, and has the next one drafted."""
