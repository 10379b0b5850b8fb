"""Alembic's entry: runs the escalation migrations on the connection it is given."""

from services.kit.storage.migration import run_environment

run_environment("escalation")
