"""Escalation: ladders and levels, absences and hand-overs."""
