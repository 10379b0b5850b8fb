"""Escalation of neglected cases; absences and hand-overs of the responsible officials."""
