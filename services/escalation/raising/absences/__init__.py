"""Absences: who stands in for whom, from day to day."""
