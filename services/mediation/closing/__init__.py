"""Conditions, number and retention of a closing; follow-up visits; reopening."""
