"""Fifteenth layer: erasures that take two people, what they reach, and holds."""

from services.kit.storage.migration import run_script

revision = "0015"
down_revision = "0014"

ERASURES = """
CREATE TABLE erasures (
    number       text COLLATE "C" PRIMARY KEY REFERENCES cases,
    version      integer NOT NULL DEFAULT 1,
    state        smallint NOT NULL,
    ground       smallint NOT NULL,
    evidence     text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by   text NOT NULL DEFAULT '',
    decided_at   timestamptz
);
CREATE TABLE erasure_reach (
    number  text COLLATE "C" NOT NULL REFERENCES erasures,
    service text NOT NULL,
    counts  jsonb NOT NULL,
    erased  boolean NOT NULL,
    PRIMARY KEY (number, service)
);
CREATE TABLE holds (
    number          text COLLATE "C" NOT NULL REFERENCES cases,
    hold            integer NOT NULL,
    evidence        text NOT NULL,
    placed_by       text NOT NULL,
    placed_at       timestamptz NOT NULL,
    lifted_by       text NOT NULL DEFAULT '',
    lifted_at       timestamptz,
    lifted_evidence text NOT NULL DEFAULT '',
    PRIMARY KEY (number, hold)
);
COMMENT ON TABLE holds IS 'While one stands nothing of the case is erased, on whatever ground.';
"""


def upgrade() -> None:
    run_script(ERASURES)
