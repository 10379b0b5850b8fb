"""The people of a case: parties, companions, consents, mediation, mediators, safeguards, access log."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0003"
down_revision = "0002"

APPENDED = ("consents", "access_log")

PEOPLE = """
ALTER TABLE cases ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN cases.sealed_key IS 'The data key of the case, wrapped: all sealed columns of it are under this one.';

CREATE TABLE mediations (
    number        text COLLATE "C" PRIMARY KEY REFERENCES cases,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL DEFAULT 1,
    phase         smallint NOT NULL DEFAULT 0,
    round         smallint NOT NULL DEFAULT 1,
    candidate     text COLLATE "C" NOT NULL DEFAULT '',
    mediator      text COLLATE "C" NOT NULL DEFAULT '',
    mediator_unit text COLLATE "C" NOT NULL DEFAULT '',
    joint_barred  boolean NOT NULL DEFAULT false,
    consented_at  timestamptz,
    ended_at      timestamptz,
    ground        smallint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN mediations.mediator IS 'User of the mediator of record; empty until one accepted.';
COMMENT ON COLUMN mediations.candidate IS 'Entry of the register that was asked or accepted.';
CREATE INDEX mediations_mediator ON mediations (mediator) WHERE state = 3;

CREATE TABLE parties (
    number         text COLLATE "C" NOT NULL REFERENCES cases,
    party          integer NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    side           smallint NOT NULL,
    kind           smallint NOT NULL,
    member         boolean NOT NULL DEFAULT false,
    needs_guardian boolean NOT NULL DEFAULT false,
    sealed         bytea,
    phone_index    bytea,
    joined_at      timestamptz NOT NULL,
    withdrawn_at   timestamptz,
    PRIMARY KEY (number, party)
);
COMMENT ON COLUMN parties.phone_index IS 'Keyed hash of the whole phone number: finds an open case, tells nothing.';
CREATE INDEX parties_phone ON parties (phone_index) WHERE phone_index IS NOT NULL;

CREATE TABLE companions (
    number     text COLLATE "C" NOT NULL REFERENCES cases,
    companion  integer NOT NULL,
    role       smallint NOT NULL,
    parties    integer[] NOT NULL,
    scopes     smallint[] NOT NULL,
    subject    text COLLATE "C" NOT NULL DEFAULT '',
    sealed     bytea,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (number, companion)
);

CREATE TABLE consents (
    number      text COLLATE "C" NOT NULL,
    consent     integer NOT NULL,
    party       integer NOT NULL,
    round       smallint NOT NULL,
    step        smallint NOT NULL,
    given       boolean NOT NULL,
    medium      smallint NOT NULL,
    language    text COLLATE "C" NOT NULL,
    read_back   boolean NOT NULL,
    interpreter integer NOT NULL DEFAULT 0,
    assisted_by integer NOT NULL DEFAULT 0,
    given_by    integer NOT NULL DEFAULT 0,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (number, consent),
    FOREIGN KEY (number, party) REFERENCES parties
);

CREATE TABLE mediators (
    mediator     text COLLATE "C" PRIMARY KEY,
    version      integer NOT NULL DEFAULT 1,
    subject      text COLLATE "C" NOT NULL UNIQUE,
    display_name text NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    areas        text[] NOT NULL,
    languages    text[] NOT NULL,
    specialities text[] NOT NULL,
    active       boolean NOT NULL,
    updated_at   timestamptz NOT NULL,
    updated_by   text NOT NULL
);
COMMENT ON TABLE mediators IS 'Officials in their office. No register of parties exists.';

CREATE TABLE choices (
    number   text COLLATE "C" NOT NULL,
    round    smallint NOT NULL,
    party    integer NOT NULL,
    mediator text COLLATE "C" NOT NULL REFERENCES mediators,
    at       timestamptz NOT NULL,
    PRIMARY KEY (number, round, party),
    FOREIGN KEY (number, party) REFERENCES parties
);

CREATE TABLE asks (
    number      text COLLATE "C" NOT NULL REFERENCES mediations,
    ask         integer NOT NULL,
    round       smallint NOT NULL,
    mediator    text COLLATE "C" NOT NULL REFERENCES mediators,
    subject     text COLLATE "C" NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    state       smallint NOT NULL,
    kin         boolean NOT NULL DEFAULT false,
    interest    boolean NOT NULL DEFAULT false,
    prior_role  boolean NOT NULL DEFAULT false,
    asked_at    timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (number, ask)
);

CREATE TABLE roles_barred (
    number  text COLLATE "C" NOT NULL REFERENCES cases,
    subject text COLLATE "C" NOT NULL,
    role    smallint NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (number, subject, role)
);

CREATE TABLE screenings (
    number      text COLLATE "C" NOT NULL,
    party       integer NOT NULL,
    sealed      bytea,
    screened_at timestamptz NOT NULL,
    screened_by text NOT NULL,
    PRIMARY KEY (number, party),
    FOREIGN KEY (number, party) REFERENCES parties
);

CREATE TABLE alerts (
    number       text COLLATE "C" NOT NULL REFERENCES cases,
    alert        integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    state        smallint NOT NULL DEFAULT 1,
    danger       smallint NOT NULL,
    target       smallint NOT NULL,
    sealed       bytea,
    requested_by text NOT NULL,
    decided_by   text NOT NULL DEFAULT '',
    reviewed_by  text NOT NULL DEFAULT '',
    requested_at timestamptz NOT NULL,
    decided_at   timestamptz,
    reviewed_at  timestamptz,
    PRIMARY KEY (number, alert)
);

CREATE TABLE access_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number  text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,
    unit    text COLLATE "C" NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    purpose smallint NOT NULL
);
COMMENT ON TABLE access_log IS 'Who opened whose data, when and for what. A search that found nothing has no number.';
CREATE INDEX access_log_case ON access_log (number, id);
"""


def upgrade() -> None:
    run_script(PEOPLE + "".join(REFUSE.format(table=table) for table in APPENDED))
