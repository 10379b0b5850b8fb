"""Clocks: time limit rules, calendars and ledgers, and the dates they give."""
