"""Sends events to the systems that subscribed to them; how is in `docs/doors.md`."""
