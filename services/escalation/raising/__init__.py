"""Raising a matter that is let lie; absences and hand-overs of who answers for it."""
