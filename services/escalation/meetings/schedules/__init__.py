"""Schedules: which periods are due, and which were done."""
