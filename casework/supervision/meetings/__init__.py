"""Dispatch meetings, recurring schedules, and reviews of replies to petitions."""
