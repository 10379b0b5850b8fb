"""Clues about matters and units, and what they were used for."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0021"
down_revision = "0020"

CLUES = """
CREATE TABLE clues (
    number             text COLLATE "C" PRIMARY KEY REFERENCES files,
    version            integer NOT NULL DEFAULT 1,
    state              smallint NOT NULL,
    source             smallint NOT NULL,
    unit               text COLLATE "C" NOT NULL,
    about              text COLLATE "C" NOT NULL DEFAULT '',
    place              text COLLATE "C" NOT NULL,
    category           text NOT NULL,
    verifier           text COLLATE "C" NOT NULL DEFAULT '',
    finding            smallint NOT NULL DEFAULT 0,
    addressee          text COLLATE "C" NOT NULL DEFAULT '',
    returned           integer NOT NULL DEFAULT 0,
    declined           text NOT NULL DEFAULT '',
    result             smallint NOT NULL DEFAULT 0,
    turns              integer NOT NULL DEFAULT 0,
    verified_by        text NOT NULL DEFAULT '',
    handled_by         text NOT NULL DEFAULT '',
    handle_until       timestamptz,
    due_at             timestamptz,
    registered_at      timestamptz NOT NULL,
    verified_at        timestamptz,
    transferred_at     timestamptz,
    handled_at         timestamptz,
    closed_at          timestamptz,
    sealed_clue        bytea,
    sealed_reporter    bytea,
    sealed_instruction bytea,
    sealed_finding     bytea,
    sealed_transfer    bytea,
    sealed_handling    bytea,
    sealed_return      bytea
);
COMMENT ON TABLE clues IS 'Clues: who gave one and what was said are sealed. No person is a column here.';
COMMENT ON COLUMN clues.about IS 'The unit it is about; empty for none.';
COMMENT ON COLUMN clues.declined IS 'Why the last transfer was sent back.';
COMMENT ON COLUMN clues.handle_until IS 'The end that the transfer set for its handling.';
COMMENT ON COLUMN clues.turns IS 'Clocks of its steps started so far.';
COMMENT ON COLUMN clues.sealed_reporter
    IS 'Who gave it; never shown to the unit it is about, nor outside the unit that keeps it.';
CREATE INDEX clues_due ON clues (coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00'), number);
CREATE INDEX clues_registered ON clues (unit, registered_at, number);

CREATE TABLE clue_uses (
    number  text COLLATE "C" NOT NULL REFERENCES clues,
    target  text COLLATE "C" NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (number, target)
);
COMMENT ON TABLE clue_uses IS 'What came of a clue: a report, a case, a letter, a warning, by name.';
"""


def upgrade() -> None:
    run_script(CLUES + shown("clues"))
