"""Offers of a case or a task from one unit to another."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0016"
down_revision = "0015"

OFFERS = """
CREATE TABLE offers (
    number         text COLLATE "C" NOT NULL REFERENCES cases,
    offer          integer NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    state          smallint NOT NULL,
    task           integer NOT NULL DEFAULT 0,
    unit           text COLLATE "C" NOT NULL,
    offered        text COLLATE "C" NOT NULL,
    reason         text NOT NULL,
    decline_reason text NOT NULL DEFAULT '',
    made_by        text NOT NULL,
    made_at        timestamptz NOT NULL,
    answer_until   timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (number, offer)
);
COMMENT ON TABLE offers IS 'A case, or a task of it, offered by its accountable unit to another one; never deleted.';
CREATE INDEX offers_first ON offers (made_at, number, offer);
CREATE UNIQUE INDEX offers_open ON offers (number, task) WHERE state = 1;
"""


def upgrade() -> None:
    run_script(OFFERS + shown("offers", "answer_until", "answer_clock", key="'offer_answer-' || offer::text"))
