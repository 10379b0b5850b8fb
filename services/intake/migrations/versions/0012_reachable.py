"""Whether a reporter left anything by which to reach them: of others no notice is written."""

from services.kit.storage.migration import run_script

revision = "0012"
down_revision = "0011"

REACHABLE = """
ALTER TABLE reports ADD COLUMN reachable boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN reports.reachable IS 'Whether the reporter left anything by which to reach them.';
"""


def upgrade() -> None:
    run_script(REACHABLE)
