"""Filing by people: from whom the reporter's identity is kept, whether a minor is concerned."""

from services.kit.storage.migration import run_script

revision = "0015"
down_revision = "0014"

FILING = """
ALTER TABLE reports ADD COLUMN anonymity smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN reports.anonymity IS 'From whom the identity of the reporter is kept.';
ALTER TABLE reports ADD COLUMN for_minor boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN reports.for_minor IS 'Whether a minor is concerned; all else about them is sealed.';
"""


def upgrade() -> None:
    run_script(FILING)
