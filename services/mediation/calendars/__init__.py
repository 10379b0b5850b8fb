"""Calendars to subscribe to, by secret addresses."""
