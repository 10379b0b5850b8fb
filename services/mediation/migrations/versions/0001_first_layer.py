"""First layer: cases, their one plan, its tasks."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import first_layer

revision = "0001"
down_revision = None

CASES = """
CREATE TABLE cases (
    number       text COLLATE "C" PRIMARY KEY,
    seq          bigint NOT NULL DEFAULT 0,
    head         bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    version      integer NOT NULL DEFAULT 1,
    stage        smallint NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    category     text COLLATE "C" NOT NULL,
    grade        smallint NOT NULL,
    received_at  timestamptz NOT NULL,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    closed_at    timestamptz,
    outcome      smallint NOT NULL DEFAULT 0,
    requested_by text NOT NULL DEFAULT '',
    open_tasks   integer NOT NULL,
    plan         text NOT NULL,
    plan_version text NOT NULL,
    sealed_key   bytea,
    sealed       bytea,
    updated_at   timestamptz NOT NULL
);
COMMENT ON COLUMN cases.plan IS 'Name of the template of the one plan of the case.';
CREATE INDEX cases_newest ON cases (opened_at DESC, number DESC);

CREATE TABLE tasks (
    number        text COLLATE "C" NOT NULL REFERENCES cases,
    task          integer NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    unit          text COLLATE "C" NOT NULL,
    key           text NOT NULL,
    measure       jsonb NOT NULL,
    evidence_rule jsonb NOT NULL,
    due_at        timestamptz NOT NULL,
    reported_at   timestamptz,
    reported_by   text NOT NULL DEFAULT '',
    return_reason text NOT NULL DEFAULT '',
    evidence      text NOT NULL DEFAULT '',
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (number, task)
);
CREATE INDEX tasks_due ON tasks (due_at, number, task);
"""


def upgrade() -> None:
    run_script(first_layer())
    run_script(CASES)
