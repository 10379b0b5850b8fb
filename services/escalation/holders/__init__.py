"""Holders: which official is responsible for which part of a file."""
