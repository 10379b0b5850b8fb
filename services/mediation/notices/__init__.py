"""Notices: the outbox, and the proof that what was in it was delivered."""
