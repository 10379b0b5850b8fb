"""The ledger of matters: who does what by when, what was reported, checked and looked back at, every version."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0006"
down_revision = "0005"

APPENDED = ("matter_gradings", "matter_progress", "matter_evidence", "matter_versions", "matter_readings")
"""Tables nothing may change or delete from."""

LEDGER = """
ALTER TABLE matters
    ADD COLUMN place        text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN source       text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN lead         text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN entry        integer NOT NULL DEFAULT 1,
    ADD COLUMN turns        integer NOT NULL DEFAULT 0,
    ADD COLUMN checks       integer NOT NULL DEFAULT 0,
    ADD COLUMN requested_by text NOT NULL DEFAULT '',
    ADD COLUMN plan_at      timestamptz,
    ADD COLUMN progress_at  timestamptz,
    ADD COLUMN sealed       bytea,
    ADD COLUMN urgent_on    date NOT NULL GENERATED ALWAYS AS (
        CASE WHEN struck_off_at IS NULL THEN coalesce(due_on, DATE '9999-12-29') ELSE DATE '9999-12-30' END
    ) STORED;
COMMENT ON COLUMN matters.source IS 'Number of the case or warning it comes from; empty where it stands for itself.';
COMMENT ON COLUMN matters.entry IS 'How often it has been on the ledger: 2 after a relapse.';
COMMENT ON COLUMN matters.turns IS 'Clocks of progress started so far.';
COMMENT ON COLUMN matters.checks IS 'Requests to strike it off made so far.';
COMMENT ON COLUMN matters.due_on IS 'Last day of the unit that answers for it; until it is assigned, of its plan.';
COMMENT ON COLUMN matters.urgent_on IS
    'Where it stands in a list: what is struck off behind all others. Not the last day there is: that means infinity.';
CREATE UNIQUE INDEX matters_source ON matters (source) WHERE source <> '';
CREATE INDEX matters_urgent ON matters (urgent_on, number);
CREATE INDEX matters_keeper ON matters (keeper, urgent_on, number);
CREATE INDEX matters_unit ON matters (unit, urgent_on, number);

CREATE TABLE matter_gradings (
    number          text COLLATE "C" NOT NULL REFERENCES matters,
    grading         integer NOT NULL,
    people_affected integer NOT NULL,
    amount_fen      bigint NOT NULL,
    scope           smallint NOT NULL,
    impact          smallint NOT NULL,
    grade           smallint NOT NULL,
    rule            text NOT NULL,
    rule_version    text NOT NULL,
    reasons         jsonb NOT NULL,
    reason          text NOT NULL,
    graded_at       timestamptz NOT NULL,
    graded_by       text NOT NULL,
    PRIMARY KEY (number, grading)
);
COMMENT ON TABLE matter_gradings IS 'Every grading of a matter: declared facts, the table, the rows that held.';

CREATE TABLE matter_assignments (
    number      text COLLATE "C" NOT NULL REFERENCES matters,
    assignment  integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    entry       integer NOT NULL,
    part        smallint NOT NULL,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    due_on      date NOT NULL,
    clock       text COLLATE "C" NOT NULL,
    extended    boolean NOT NULL DEFAULT false,
    sealed      bytea NOT NULL,
    assigned_at timestamptz NOT NULL,
    progress_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (number, assignment)
);
COMMENT ON TABLE matter_assignments IS 'Parts of units in a matter: measures (sealed), a deadline, a clock.';
COMMENT ON COLUMN matter_assignments.clock IS 'Key of its clock in the matter.';
CREATE INDEX matter_assignments_unit ON matter_assignments (unit, number);

CREATE TABLE matter_progress (
    number      text COLLATE "C" NOT NULL,
    progress    integer NOT NULL,
    assignment  integer NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    entry       integer NOT NULL,
    sealed      bytea NOT NULL,
    reported_at timestamptz NOT NULL,
    reported_by text NOT NULL,
    PRIMARY KEY (number, progress)
);
COMMENT ON TABLE matter_progress IS 'What units reported of their parts; the text sealed.';

CREATE TABLE matter_evidence (
    number    text COLLATE "C" NOT NULL REFERENCES matters,
    evidence  integer NOT NULL,
    reference text NOT NULL,
    file_hash text NOT NULL,
    sealed    bytea,
    unit      text COLLATE "C" NOT NULL,
    added_at  timestamptz NOT NULL,
    added_by  text NOT NULL,
    PRIMARY KEY (number, evidence)
);
COMMENT ON TABLE matter_evidence IS 'What shows how a matter stands: references and hashes; what they show is sealed.';

CREATE TABLE matter_look_backs (
    number      text COLLATE "C" NOT NULL REFERENCES matters,
    entry       integer NOT NULL,
    days        integer NOT NULL,
    due_on      date NOT NULL,
    result      smallint NOT NULL DEFAULT 0,
    recorded_at timestamptz,
    recorded_by text NOT NULL DEFAULT '',
    PRIMARY KEY (number, entry, days)
);
COMMENT ON TABLE matter_look_backs IS 'Looks back at a matter that was struck off, due and done.';

CREATE TABLE matter_versions (
    number     text COLLATE "C" NOT NULL REFERENCES matters,
    version    integer NOT NULL,
    event      text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    reason     text NOT NULL,
    changes    jsonb NOT NULL,
    sealed     bytea,
    PRIMARY KEY (number, version)
);
COMMENT ON TABLE matter_versions IS 'Every version of a matter: who, when, what changed; what was said with it sealed.';

CREATE TABLE matter_readings (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text COLLATE "C" NOT NULL,
    at     timestamptz NOT NULL,
    actor  text NOT NULL,
    unit   text COLLATE "C" NOT NULL,
    action text NOT NULL
);
COMMENT ON TABLE matter_readings IS 'Who read or exported what is told of a matter, and when.';
CREATE INDEX matter_readings_matter ON matter_readings (number, id);
"""


def upgrade() -> None:
    run_script(LEDGER + "".join(REFUSE.format(table=table) for table in APPENDED))
