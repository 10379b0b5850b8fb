"""Assessments of units: drawn up, published for objection, final."""
