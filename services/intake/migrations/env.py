"""Alembic's entry: runs the intake migrations on the connection it is given."""

from services.kit.storage.migration import run_environment

run_environment("intake")
