"""Erasures of reports that never became a case, holds; the access log; who signs in for a party of a case."""

from services.kit.storage.access_log import POSTS, TABLE
from services.kit.storage.migration import run_script
from services.kit.storage.standings import PARTIES
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0011"
down_revision = "0010"

ERASURES = """
CREATE TABLE erasures (
    number       text COLLATE "C" PRIMARY KEY REFERENCES reports,
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
COMMENT ON COLUMN erasures.requested_as
    IS 'Unit and roles of who requested it, at that moment: a certificate names posts.';
CREATE TABLE erasure_reach (
    number    text COLLATE "C" NOT NULL REFERENCES erasures,
    service   text NOT NULL,
    counts    jsonb NOT NULL,
    erased    boolean NOT NULL,
    erased_at timestamptz,
    PRIMARY KEY (number, service)
);
CREATE TABLE holds (
    number          text COLLATE "C" NOT NULL REFERENCES reports,
    hold            integer NOT NULL,
    evidence        text NOT NULL,
    placed_by       text NOT NULL,
    placed_at       timestamptz NOT NULL,
    lifted_by       text NOT NULL DEFAULT '',
    lifted_at       timestamptz,
    lifted_evidence text NOT NULL DEFAULT '',
    PRIMARY KEY (number, hold)
);
COMMENT ON TABLE holds IS 'While one stands nothing of the report is erased, on whatever ground.';
"""


def upgrade() -> None:
    run_script(ERASURES + TABLE + POSTS + PARTIES + REFUSE.format(table="access_log"))
