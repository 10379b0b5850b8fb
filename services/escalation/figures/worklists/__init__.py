"""Worklists: what is to be done, by whom, until when."""
