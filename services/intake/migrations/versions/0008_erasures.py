"""Eighth layer: reports whose text, names and likeness were erased."""

from services.kit.storage.migration import run_script

revision = "0008"
down_revision = "0007"

ERASURES = """
ALTER TABLE reports ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN reports.erased_at IS 'When what was told was erased with its key; its number and codes stay.';
"""


def upgrade() -> None:
    run_script(ERASURES)
