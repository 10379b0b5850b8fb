"""Agreement, fulfilment, judicial confirmation, closing, follow-up, dockings, numbers of documents."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0005"
down_revision = "0004"

AGREEMENTS = """
CREATE TABLE agreements (
    number           text COLLATE "C" NOT NULL REFERENCES cases,
    agreement        integer NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    state            smallint NOT NULL,
    extent           smallint NOT NULL,
    form             smallint NOT NULL,
    sealed           bytea NOT NULL,
    drafted_at       timestamptz NOT NULL,
    drafted_by       text NOT NULL,
    third_interests  smallint[] NOT NULL DEFAULT '{}',
    third_settled    boolean,
    third_at         timestamptz,
    countersigned_at timestamptz,
    countersigned_by text NOT NULL DEFAULT '',
    seal_at          timestamptz,
    seal_by          text NOT NULL DEFAULT '',
    document_number  text NOT NULL DEFAULT '',
    effective_at     timestamptz,
    confirm_due_at   timestamptz,
    PRIMARY KEY (number, agreement)
);
COMMENT ON COLUMN agreements.sealed IS 'Statement and the text of each clause, sealed under the case''s data key.';

CREATE TABLE agreement_answers (
    number      text COLLATE "C" NOT NULL,
    agreement   integer NOT NULL,
    question    smallint NOT NULL,
    yes         boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    answered_by text NOT NULL,
    PRIMARY KEY (number, agreement, question),
    FOREIGN KEY (number, agreement) REFERENCES agreements
);

CREATE TABLE clauses (
    number      text COLLATE "C" NOT NULL,
    agreement   integer NOT NULL,
    clause      integer NOT NULL,
    performer   integer NOT NULL,
    beneficiary integer NOT NULL,
    kind        smallint NOT NULL,
    amount      bigint NOT NULL,
    PRIMARY KEY (number, agreement, clause),
    FOREIGN KEY (number, agreement) REFERENCES agreements
);

CREATE TABLE instalments (
    number         text COLLATE "C" NOT NULL,
    agreement      integer NOT NULL,
    clause         integer NOT NULL,
    instalment     integer NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    amount         bigint NOT NULL,
    due_on         date,
    due_at         timestamptz,
    paid           bigint NOT NULL DEFAULT 0,
    begun          boolean NOT NULL DEFAULT false,
    performed_on   date,
    defaulted_at   timestamptz,
    default_reason smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (number, agreement, clause, instalment),
    FOREIGN KEY (number, agreement, clause) REFERENCES clauses
);
COMMENT ON COLUMN instalments.due_at IS 'Last instant in time, as its clock says; unset until it binds.';

CREATE TABLE signatures (
    number      text COLLATE "C" NOT NULL,
    agreement   integer NOT NULL,
    party       integer NOT NULL,
    signer      smallint NOT NULL,
    manner      smallint NOT NULL,
    signed_at   timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (number, agreement, party),
    FOREIGN KEY (number, agreement) REFERENCES agreements
);

CREATE TABLE performances (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number       text COLLATE "C" NOT NULL,
    agreement    integer NOT NULL,
    clause       integer NOT NULL,
    instalment   integer NOT NULL,
    amount       bigint NOT NULL,
    evidence     text NOT NULL,
    performed_on date NOT NULL,
    recorded_at  timestamptz NOT NULL,
    recorded_by  text NOT NULL
);
CREATE INDEX performances_case ON performances (number);

CREATE TABLE default_steps (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number     text COLLATE "C" NOT NULL,
    agreement  integer NOT NULL,
    clause     integer NOT NULL,
    instalment integer NOT NULL,
    remedy     smallint NOT NULL,
    taken_at   timestamptz NOT NULL,
    taken_by   text NOT NULL
);
CREATE INDEX default_steps_case ON default_steps (number);

CREATE TABLE rights_notices (
    number    text COLLATE "C" NOT NULL REFERENCES cases,
    party     integer NOT NULL,
    made_at   timestamptz NOT NULL,
    served_at timestamptz,
    medium    smallint NOT NULL DEFAULT 0,
    evidence  text NOT NULL DEFAULT '',
    served_by text NOT NULL DEFAULT '',
    PRIMARY KEY (number, party)
);

CREATE TABLE confirmations (
    number          text COLLATE "C" NOT NULL,
    agreement       integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    court           text NOT NULL,
    applied_at      timestamptz NOT NULL,
    applied_by      text NOT NULL,
    resulted_at     timestamptz,
    result_evidence text NOT NULL DEFAULT '',
    PRIMARY KEY (number, agreement),
    FOREIGN KEY (number, agreement) REFERENCES agreements
);
"""

CLOSINGS = """
CREATE TABLE number_series (
    unit   text COLLATE "C" NOT NULL,
    series text NOT NULL,
    year   integer NOT NULL,
    last   integer NOT NULL,
    PRIMARY KEY (unit, series, year)
);
COMMENT ON COLUMN number_series.unit IS 'Code of the unit: two units of one name have series of their own.';
COMMENT ON TABLE number_series IS 'Last number given; its row lock is held to the commit: no gaps, no duplicates.';

CREATE TABLE closings (
    number          text COLLATE "C" NOT NULL REFERENCES cases,
    closing         integer NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    document_number text NOT NULL,
    retention       smallint NOT NULL,
    closed_at       timestamptz NOT NULL,
    PRIMARY KEY (number, closing),
    UNIQUE (unit, document_number)
);

CREATE TABLE closing_views (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    party       integer NOT NULL,
    view        smallint NOT NULL,
    sealed      bytea,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (number, party)
);

CREATE TABLE visits (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    days        integer NOT NULL,
    due_on      date NOT NULL,
    due_at      timestamptz NOT NULL,
    visited_at  timestamptz,
    visited_by  text NOT NULL DEFAULT '',
    performance smallint NOT NULL DEFAULT 0,
    recurred    boolean NOT NULL DEFAULT false,
    sealed      bytea,
    PRIMARY KEY (number, days)
);

CREATE TABLE visit_answers (
    number       text COLLATE "C" NOT NULL,
    days         integer NOT NULL,
    party        integer NOT NULL,
    satisfaction smallint NOT NULL,
    PRIMARY KEY (number, days, party),
    FOREIGN KEY (number, days) REFERENCES visits
);

CREATE TABLE reopenings (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    reopening   integer NOT NULL,
    reason      smallint NOT NULL,
    evidence    text NOT NULL,
    reopened_at timestamptz NOT NULL,
    reopened_by text NOT NULL,
    PRIMARY KEY (number, reopening)
);
"""

DOCKINGS = """
CREATE TABLE dockings (
    number         text COLLATE "C" NOT NULL REFERENCES cases,
    docking        integer NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    kind           smallint NOT NULL,
    state          smallint NOT NULL,
    procedure      smallint NOT NULL DEFAULT 0,
    nature         smallint NOT NULL DEFAULT 0,
    handed_over_at timestamptz NOT NULL,
    petition_at    timestamptz,
    signed_at      timestamptz,
    due_at         timestamptz,
    extended       boolean NOT NULL DEFAULT false,
    ended_at       timestamptz,
    result         smallint NOT NULL DEFAULT 0,
    answer         smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (number, docking)
);
COMMENT ON TABLE dockings IS 'Holds no reason of a party who refused: there is no column for one.';

CREATE TABLE docking_letters (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number    text COLLATE "C" NOT NULL,
    docking   integer NOT NULL,
    letter    smallint NOT NULL,
    reference text NOT NULL,
    at        timestamptz NOT NULL,
    FOREIGN KEY (number, docking) REFERENCES dockings
);
CREATE INDEX docking_letters_docking ON docking_letters (number, docking);
"""

FOR_GOOD = ("signatures", "performances", "default_steps", "reopenings", "docking_letters")
"""What was signed, performed, done about a default, reopened or sent is never changed."""


def upgrade() -> None:
    for script in (AGREEMENTS, CLOSINGS, DOCKINGS):
        run_script(script)
    run_script("".join(REFUSE.format(table=table) for table in FOR_GOOD))
