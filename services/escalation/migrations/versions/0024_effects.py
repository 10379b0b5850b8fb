"""Recommendations are closed with their measured effect, and who put a matter on a ledger finds it again."""

from services.kit.storage.migration import run_script

revision = "0024"
down_revision = "0023"

EFFECTS = """
ALTER TABLE recommendations
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN verdict smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN recommendations.verdict IS 'What its effect was when it was closed.';
CREATE INDEX matter_versions_first ON matter_versions (unit, number) WHERE version = 1;
"""


def upgrade() -> None:
    run_script(EFFECTS)
