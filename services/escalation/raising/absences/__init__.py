"""Absences: who stands in for whom, from when until when."""
