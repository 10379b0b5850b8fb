"""Breaches that are withdrawn, calendars that clocks are pinned to, dates that follow their clock."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown, third_layer

revision = "0010"
down_revision = "0009"

SHOWN = (
    shown("cases"),
    shown("tasks", key="'task-' || task::text || '.task'"),
    shown("agreements", "confirm_due_at", key="'confirmation-' || agreement::text"),
    shown("instalments", key="'performance-' || agreement::text || '-' || clause::text || '-' || instalment::text"),
    shown("visits", key="'visit-' || days::text"),
    shown("dockings", key="'docking-' || docking::text"),
    shown("objections", "decide_until", "decide_clock", key="'objection_decision-' || objection::text"),
)
LISTED = """
UPDATE cases SET due_clock = coalesce((
    SELECT id FROM clocks c WHERE c.number = cases.number AND split_part(id, '.', 2) ~ '^close(-[0-9]+)?$'
    ORDER BY started_at DESC, id DESC LIMIT 1
), '');
DROP INDEX tasks_due;
CREATE INDEX tasks_due ON tasks ((coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00')), number, task);
"""


def upgrade() -> None:
    run_script(third_layer() + "".join(SHOWN) + LISTED)
