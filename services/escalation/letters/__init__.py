"""Supervision letters (五函): drafted, signed by another person, served, answered, verified."""
