"""Forwards of reports from one unit to another before acceptance."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0021"
down_revision = "0020"

FORWARDS = """
CREATE TABLE forwards (
    number       text COLLATE "C" NOT NULL REFERENCES reports (number),
    forward      integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    state        smallint NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    asked        text COLLATE "C" NOT NULL,
    umpire       text COLLATE "C" NOT NULL DEFAULT '',
    right_unit   text COLLATE "C" NOT NULL DEFAULT '',
    reason       bytea NOT NULL,
    answer       bytea,
    decision     bytea,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    decide_until timestamptz,
    ended_at     timestamptz,
    PRIMARY KEY (number, forward)
);
COMMENT ON TABLE forwards IS 'A report forwarded before acceptance from one unit to another; never deleted.';
COMMENT ON COLUMN forwards.reason IS 'Sealed under the data key of the report, as are answer and decision.';
CREATE INDEX forwards_first ON forwards (made_at, number, forward);
CREATE UNIQUE INDEX forwards_open ON forwards (number) WHERE state IN (1, 5);
"""


def upgrade() -> None:
    key = "'objection_decision-' || forward::text"
    run_script(FORWARDS + shown("forwards", "decide_until", "decide_clock", key=key))
