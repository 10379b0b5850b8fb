"""Exclusions are grants of nothing; a party may have asked for one."""

from services.kit.storage.migration import run_script

revision = "0017"
down_revision = "0016"

EXCLUSIONS = """
ALTER TABLE grants ADD COLUMN party integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN grants.party IS 'The party that asked for an exclusion; 0 where the unit did it by itself.';
CREATE INDEX grants_excluded ON grants (holder) WHERE scope = 3 AND ended_at IS NULL;
"""


def upgrade() -> None:
    run_script(EXCLUSIONS)
