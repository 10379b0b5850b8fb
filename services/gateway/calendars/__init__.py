"""Calendars to subscribe to: one's own deadlines and sessions as iCalendar, by a secret address."""
