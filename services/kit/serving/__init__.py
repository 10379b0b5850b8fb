"""Serving: a server, its callers, their rights and limits, and how a request is checked."""
