"""Dispatch meetings, reviews of answers to petitions, and schedules."""
