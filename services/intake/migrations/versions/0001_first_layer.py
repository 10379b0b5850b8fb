"""First layer: reports, their links, running numbers."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import first_layer

revision = "0001"
down_revision = None

REPORTS = """
CREATE TABLE reports (
    number        text COLLATE "C" PRIMARY KEY,
    seq           bigint NOT NULL,
    head          bytea NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    unit          text COLLATE "C" NOT NULL,
    channel       smallint NOT NULL,
    category      text COLLATE "C" NOT NULL,
    area          text COLLATE "C" NOT NULL,
    latitude      double precision,
    longitude     double precision,
    people        integer NOT NULL,
    amount_fen    bigint NOT NULL,
    scope         smallint NOT NULL,
    urgency       smallint NOT NULL,
    danger        boolean NOT NULL,
    grade         smallint NOT NULL,
    triage        jsonb NOT NULL,
    likeness      text COLLATE "C" NOT NULL,
    sealed_key    bytea NOT NULL,
    sealed        bytea NOT NULL,
    receipt_index bytea NOT NULL UNIQUE,
    source        text COLLATE "C" NOT NULL,
    source_id     text COLLATE "C" NOT NULL,
    received_at   timestamptz NOT NULL,
    due_at        timestamptz,
    closed_at     timestamptz,
    decided_at    timestamptz,
    merged_into   text COLLATE "C" NOT NULL DEFAULT '',
    route         smallint NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL
);
COMMENT ON COLUMN reports.likeness IS 'Keyed form of the text for duplicate search; casework/likeness.py.';
COMMENT ON COLUMN reports.sealed IS 'AES-GCM of text, address, reporter, parties and receipt code.';
CREATE UNIQUE INDEX reports_source ON reports (source, source_id) WHERE source <> '';
CREATE INDEX reports_of_source ON reports (source, received_at DESC, number DESC) WHERE source <> '';
CREATE INDEX reports_merged ON reports (merged_into) WHERE merged_into <> '';
CREATE INDEX reports_newest ON reports (received_at DESC, number DESC);
CREATE INDEX reports_place ON reports (area, category, received_at);
-- Trigrams see Chinese by the database's LC_CTYPE, whatever the column's collation; the migration checks that.
CREATE INDEX reports_alike ON reports USING gin (likeness public.gin_trgm_ops);

CREATE TABLE links (
    number     text COLLATE "C" NOT NULL REFERENCES reports,
    target     text COLLATE "C" NOT NULL REFERENCES reports,
    kind       smallint NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (number, target)
);

CREATE TABLE counters (
    county text COLLATE "C" NOT NULL,
    year   integer NOT NULL,
    last   bigint NOT NULL,
    PRIMARY KEY (county, year)
);
"""


def upgrade() -> None:
    run_script(first_layer())
    run_script(REPORTS)
