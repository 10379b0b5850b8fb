"""Until when a proposed change of a plan is decided: the date of its clock."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0029"
down_revision = "0028"

COLUMN = "ALTER TABLE plan_changes ADD COLUMN decide_until timestamptz;"


def upgrade() -> None:
    run_script(COLUMN + shown("plan_changes", "decide_until", "decide_clock", key="'plan_decision-' || change::text"))
