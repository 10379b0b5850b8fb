"""Clocks: rules of time, calendars and ledgers, and the dates they give."""
