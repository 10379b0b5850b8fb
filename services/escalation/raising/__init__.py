"""Escalating a neglected matter; absences and hand-overs of those responsible for it."""
