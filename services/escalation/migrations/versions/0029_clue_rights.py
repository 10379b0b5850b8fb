"""Codes of clues, by which who gave one comes back; erasures of clues, and holds."""

from services.kit.storage.migration import run_script

revision = "0029"
down_revision = "0028"

RIGHTS = """
CREATE TABLE clue_codes (
    number       text COLLATE "C" PRIMARY KEY REFERENCES clues,
    code_index   bytea NOT NULL UNIQUE,
    sealed       bytea,
    failed       smallint NOT NULL DEFAULT 0,
    closed_until timestamptz
);
COMMENT ON TABLE clue_codes IS 'Codes of clues, sealed; the index finds one and tells nothing.';
COMMENT ON COLUMN clue_codes.code_index IS 'Keyed hash of the code.';
COMMENT ON COLUMN clue_codes.failed IS 'Wrong answers in a row.';
CREATE TABLE clue_erasures (
    number       text COLLATE "C" PRIMARY KEY REFERENCES clues,
    version      integer NOT NULL DEFAULT 1,
    state        smallint NOT NULL,
    ground       smallint NOT NULL,
    evidence     text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by   text NOT NULL DEFAULT '',
    decided_at   timestamptz,
    requested_as text NOT NULL DEFAULT '',
    decided_as   text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN clue_erasures.requested_as
    IS 'Unit and roles of who requested it, at that moment: a certificate names posts.';
CREATE TABLE clue_erasure_reach (
    number    text COLLATE "C" NOT NULL REFERENCES clue_erasures,
    service   text NOT NULL,
    counts    jsonb NOT NULL,
    erased    boolean NOT NULL,
    erased_at timestamptz,
    PRIMARY KEY (number, service)
);
CREATE TABLE clue_holds (
    number          text COLLATE "C" NOT NULL REFERENCES clues,
    hold            integer NOT NULL,
    evidence        text NOT NULL,
    placed_by       text NOT NULL,
    placed_at       timestamptz NOT NULL,
    lifted_by       text NOT NULL DEFAULT '',
    lifted_at       timestamptz,
    lifted_evidence text NOT NULL DEFAULT '',
    PRIMARY KEY (number, hold)
);
COMMENT ON TABLE clue_holds IS 'While one stands nothing of the clue is erased, on whatever ground.';
"""


def upgrade() -> None:
    run_script(RIGHTS)
