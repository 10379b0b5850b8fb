"""Levels: what happens when a unit lets a case lie."""
