"""The doors: receive, verify, find duplicates, triage, accept or say why not, route."""
