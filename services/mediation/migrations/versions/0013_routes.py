"""The declared facts of a matter by which its other routes are chosen."""

from services.kit.storage.migration import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column."""
    run_script("ALTER TABLE mediations ADD COLUMN matter_facts text[] NOT NULL DEFAULT '{}';")
