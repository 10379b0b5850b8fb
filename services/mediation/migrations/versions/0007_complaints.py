"""Seventh layer: the unit a case is a complaint about."""

from services.kit.storage.migration import run_script

revision = "0007"
down_revision = "0006"

ABOUT = """
ALTER TABLE cases ADD COLUMN about text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN cases.about IS 'The unit complained of; empty for none. It never becomes accountable for the case.';
"""


def upgrade() -> None:
    run_script(ABOUT)
