"""Forwards that propose to merge a report into one that the other unit has."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0028"
down_revision = "0027"

PROPOSALS = """
ALTER TABLE forwards ADD COLUMN target text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN answer_until timestamptz;
COMMENT ON COLUMN forwards.target IS 'The report of the unit asked that it is to be merged into; empty for none.';
"""


def upgrade() -> None:
    run_script(PROPOSALS + shown("forwards", "answer_until", "answer_clock", key="'merge_answer-' || forward::text"))
