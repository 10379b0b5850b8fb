"""Intake: receive reports, verify them, find duplicates, grade, accept or decline with a reason, name other routes."""
