"""Sessions: rooms, sessions, attendance, records; evidence and investigations; the caucus compartment."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0004"
down_revision = "0003"

PARTIES = """
ALTER TABLE parties ADD COLUMN IF NOT EXISTS subject text NOT NULL DEFAULT '';
COMMENT ON COLUMN parties.subject IS 'Who signs in for the party, and so for its side of the compartment.';
"""

SESSIONS = """
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;

CREATE TABLE rooms (
    room         text COLLATE "C" PRIMARY KEY,
    version      integer NOT NULL DEFAULT 1,
    unit         text COLLATE "C" NOT NULL,
    kind         smallint NOT NULL,
    display_name text NOT NULL,
    capacity     integer NOT NULL,
    accessible   boolean NOT NULL,
    closed_at    timestamptz,
    updated_at   timestamptz NOT NULL
);

CREATE TABLE sessions (
    number       text COLLATE "C" NOT NULL REFERENCES cases,
    session      integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    kind         smallint NOT NULL,
    venue        smallint NOT NULL,
    room         text COLLATE "C" REFERENCES rooms,
    during       tstzrange NOT NULL,
    state        smallint NOT NULL,
    parties      integer[] NOT NULL,
    language     text NOT NULL,
    interpreter  boolean NOT NULL,
    sealed       bytea,
    scheduled_by text NOT NULL,
    started_at   timestamptz,
    ended_at     timestamptz,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (number, session),
    CONSTRAINT sessions_room_is_free EXCLUDE USING gist (room WITH =, during WITH &&)
        WHERE (room IS NOT NULL AND state IN (1, 2))
);
COMMENT ON CONSTRAINT sessions_room_is_free ON sessions IS 'No room is given twice for one time, whoever asks at once.';

CREATE TABLE attendances (
    number     text COLLATE "C" NOT NULL,
    session    integer NOT NULL,
    role       smallint NOT NULL,
    party      integer NOT NULL,
    ordinal    integer NOT NULL,
    presence   smallint NOT NULL,
    arrived_at timestamptz,
    left_at    timestamptz,
    sealed     bytea,
    PRIMARY KEY (number, session, role, party, ordinal),
    FOREIGN KEY (number, session) REFERENCES sessions
);

CREATE TABLE joint_wishes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    party       integer NOT NULL,
    wished      boolean NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL
);
CREATE INDEX joint_wishes_case ON joint_wishes (number, party, id);

CREATE TABLE session_records (
    number     text COLLATE "C" NOT NULL,
    session    integer NOT NULL,
    record     integer NOT NULL,
    sealed     bytea NOT NULL,
    written_by text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (number, session, record),
    FOREIGN KEY (number, session) REFERENCES sessions
);
COMMENT ON TABLE session_records IS 'Every version of a record stays; what was confirmed and signed is one of them.';

CREATE TABLE record_signatures (
    number      text COLLATE "C" NOT NULL,
    session     integer NOT NULL,
    record      integer NOT NULL,
    role        smallint NOT NULL,
    party       integer NOT NULL,
    read_back   boolean NOT NULL,
    manner      smallint NOT NULL,
    language    text NOT NULL,
    signed_at   timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (number, session, record, role, party, read_back),
    FOREIGN KEY (number, session, record) REFERENCES session_records
);
"""

EVIDENCE = """
CREATE TABLE evidence (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    evidence    integer NOT NULL,
    type        smallint NOT NULL,
    party       integer NOT NULL,
    size        bigint NOT NULL,
    stored_hash bytea NOT NULL,
    content_mac bytea NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    PRIMARY KEY (number, evidence),
    CONSTRAINT evidence_is_stored_once UNIQUE (number, content_mac)
);
CREATE INDEX evidence_file ON evidence (stored_hash);
COMMENT ON COLUMN evidence.stored_hash IS 'SHA-256 of the encrypted file: its name in the folder of files.';

CREATE TABLE investigations (
    number          text COLLATE "C" NOT NULL REFERENCES cases,
    investigation   integer NOT NULL,
    sealed          bytea NOT NULL,
    investigated_at timestamptz NOT NULL,
    read_back       boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    PRIMARY KEY (number, investigation)
);
"""

CAUCUS = """
CREATE TABLE caucus_notes (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    side        smallint NOT NULL,
    note        integer NOT NULL,
    by_mediator boolean NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (number, side, note)
);
CREATE TABLE caucus_offers (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    side        smallint NOT NULL,
    offer       integer NOT NULL,
    by_mediator boolean NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (number, side, offer)
);
CREATE TABLE caucus_reads (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number  text COLLATE "C" NOT NULL REFERENCES cases,
    side    smallint NOT NULL,
    reader  text NOT NULL,
    read_at timestamptz NOT NULL
);
CREATE INDEX caucus_reads_side ON caucus_reads (number, side, id DESC);
COMMENT ON TABLE caucus_notes IS 'Read by the mediator of record and that side alone.';
COMMENT ON TABLE caucus_offers IS 'Read by the mediator of record and that side alone.';

CREATE TABLE fact_sheets (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    sheet       integer NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    released_at timestamptz,
    PRIMARY KEY (number, sheet)
);
CREATE TABLE fact_signatures (
    number      text COLLATE "C" NOT NULL,
    sheet       integer NOT NULL,
    party       integer NOT NULL,
    manner      smallint NOT NULL,
    by_mediator boolean NOT NULL,
    signed_at   timestamptz NOT NULL,
    PRIMARY KEY (number, sheet, party),
    FOREIGN KEY (number, sheet) REFERENCES fact_sheets
);
"""


APPENDED = (
    "joint_wishes",
    "session_records",
    "record_signatures",
    "evidence",
    "investigations",
    "caucus_notes",
    "caucus_offers",
    "caucus_reads",
    "fact_signatures",
)
"""Tables nothing may change or delete from: what was said, given and signed stays as it was."""


def upgrade() -> None:
    run_script(PARTIES)
    run_script(SESSIONS)
    run_script(EVIDENCE)
    run_script(CAUCUS + "".join(REFUSE.format(table=table) for table in APPENDED))
