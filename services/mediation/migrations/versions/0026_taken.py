"""Who took on a step: the worklist of a person."""

from services.kit.storage.migration import run_script

revision = "0026"
down_revision = "0025"

TAKEN = """
ALTER TABLE clocks ADD COLUMN taken_by text NOT NULL DEFAULT '';
COMMENT ON COLUMN clocks.taken_by
    IS 'Account of the official who took the step on; empty while it is the whole unit''s.';
CREATE INDEX clocks_taken_by ON clocks (taken_by) WHERE state IN (1, 4) AND taken_by <> '';
"""


def upgrade() -> None:
    run_script(TAKEN)
