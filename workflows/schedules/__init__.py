"""Meetings and digests: Temporal schedules, the workflow each of them starts, and its activity."""
