"""Screening campaigns, and what they find on its way into intake."""
