"""Breaches that are withdrawn, calendars that clocks are pinned to, dates that follow their clock."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown, third_layer

revision = "0012"
down_revision = "0011"

SHOWN = (
    shown("letters", "reply_due_at"),
    shown("letters", "object_due_at"),
    shown("monitorings", key="'review-' || monitoring::text || '-' || round::text"),
    shown("reviews"),
    shown("review_appeals", key="'review-' || appeal::text"),
    shown("meetings", "minutes_due_at", key="'minutes-1'"),
    shown("meeting_decisions", key="'decision-' || decision::text"),
    shown("warnings"),
    shown("recommendations"),
    shown("campaigns"),
    shown("assessments", "objection_due_at", key="'objection-1'"),
    shown("assessment_objections", key="'decision-' || objection::text"),
    # Until somebody answers for it, a matter has the last day of its plan; then the day it was given.
    shown(
        "matters", "due_on", "plan_clock",
        key="CASE WHEN unit = '' THEN 'plan' || CASE WHEN entry = 1 THEN '' ELSE '-' || entry::text END ELSE '' END",
    ),
)  # fmt: skip


BREACHES = """
CREATE TABLE escalation_breaches (
    number       text COLLATE "C" NOT NULL,
    breach       text NOT NULL,
    escalation   integer NOT NULL,
    raised_at    timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (number, breach),
    FOREIGN KEY (number, escalation) REFERENCES escalations
);
COMMENT ON TABLE escalation_breaches IS 'The missed deadlines an escalation was raised for.';
"""


def upgrade() -> None:
    run_script(third_layer() + "".join(SHOWN) + BREACHES)
