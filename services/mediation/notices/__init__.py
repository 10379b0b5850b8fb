"""Notices: the outbox, and the proof of delivery."""
