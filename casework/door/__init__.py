"""Intake: reports and complaints, their category and grade, and which other routes are open."""
