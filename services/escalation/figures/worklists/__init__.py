"""Worklists: what is to be done by which unit until when."""
