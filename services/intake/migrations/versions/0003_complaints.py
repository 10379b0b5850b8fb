"""Third layer: the unit a report complains of."""

from services.kit.storage.migration import run_script

revision = "0003"
down_revision = "0002"

ABOUT = """
ALTER TABLE reports ADD COLUMN about text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN reports.about IS 'The unit complained of; empty for none.';
"""


def upgrade() -> None:
    run_script(ABOUT)
