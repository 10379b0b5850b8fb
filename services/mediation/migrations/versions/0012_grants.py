"""Grants for one case and a time; whose a consumer of the feed is."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import CONSUMER_OWNERS

revision = "0012"
down_revision = "0011"

GRANTS = """
CREATE TABLE grants (
    number     text COLLATE "C" NOT NULL REFERENCES cases,
    grant_no   integer NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    holder     text NOT NULL,
    scope      smallint NOT NULL,
    reason     bytea NOT NULL,
    emergency  boolean NOT NULL,
    made_by    text NOT NULL,
    made_unit  text COLLATE "C" NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    ended_by   text NOT NULL DEFAULT '',
    PRIMARY KEY (number, grant_no)
);
COMMENT ON TABLE grants IS 'What somebody may do in one case for a time, by whom and why; never deleted.';
COMMENT ON COLUMN grants.reason IS 'Sealed under the key of the case: it is told in words.';
COMMENT ON COLUMN grants.emergency IS 'Taken by the holder, who could not wait: short, and an auditor looks at it.';
COMMENT ON COLUMN grants.ended_at IS 'When it was revoked; expiry needs no hand.';
CREATE INDEX grants_holder ON grants (holder, number);
"""


def upgrade() -> None:
    run_script(GRANTS + CONSUMER_OWNERS)
