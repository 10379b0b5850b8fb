"""Third layer: files of supervision beside the cases that are escalated, each with its own chain, clocks and key."""

from services.kit.storage.migration import run_script

revision = "0003"
down_revision = "0002"

FILES = """
ALTER TABLE matters RENAME TO files;
ALTER TABLE files
    ADD COLUMN unit       text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN opened_at  timestamptz,
    ADD COLUMN sealed_key bytea,
    ADD COLUMN erased_at  timestamptz;
COMMENT ON TABLE files IS 'One row a case that was escalated and a file of supervision: head of its chain, data key.';
COMMENT ON COLUMN files.unit IS 'Whose file it is; empty for a case, whose unit mediation knows.';

CREATE TABLE number_series (
    unit   text COLLATE "C" NOT NULL,
    series text NOT NULL,
    year   integer NOT NULL,
    last   integer NOT NULL,
    PRIMARY KEY (unit, series, year)
);
COMMENT ON TABLE number_series IS 'Last number given; its row lock is held to the commit: no gaps, no duplicates.';

CREATE TABLE holdings (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number   text COLLATE "C" NOT NULL,
    subject  text COLLATE "C" NOT NULL,
    role     text NOT NULL,
    unit     text COLLATE "C" NOT NULL,
    official text COLLATE "C" NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz
);
COMMENT ON TABLE holdings IS 'Who holds what inside a unit: found by a hand-over, never listed across units.';
CREATE UNIQUE INDEX holdings_now ON holdings (number, subject, role) WHERE until IS NULL;
CREATE INDEX holdings_official ON holdings (official, unit) WHERE until IS NULL;

CREATE TABLE matters (
    number        text COLLATE "C" PRIMARY KEY REFERENCES files,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    level         text NOT NULL,
    keeper        text COLLATE "C" NOT NULL,
    unit          text COLLATE "C" NOT NULL DEFAULT '',
    grade         smallint NOT NULL DEFAULT 0,
    category      text NOT NULL DEFAULT '',
    case_number   text COLLATE "C" NOT NULL DEFAULT '',
    returned      integer NOT NULL DEFAULT 0,
    due_on        date,
    registered_at timestamptz NOT NULL,
    struck_off_at timestamptz
);
COMMENT ON TABLE matters IS 'The ledger of matters: kept by a county, city or province, answered for by a unit.';

CREATE TABLE case_facts (
    number      text COLLATE "C" PRIMARY KEY,
    unit        text COLLATE "C" NOT NULL,
    place       text COLLATE "C" NOT NULL,
    door        text NOT NULL,
    category    text NOT NULL,
    grade       smallint NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL,
    closed_at   timestamptz
);
COMMENT ON TABLE case_facts IS 'What supervision counts, taken over from the other services: no names, no texts.';
"""


def upgrade() -> None:
    run_script(FILES)
