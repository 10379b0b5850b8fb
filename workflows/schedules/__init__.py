"""Meetings and digests: schedules of the engine, the workflow each of them starts, and what is done then."""
