"""Who refused to sign the record of a session."""

from services.kit.storage.migration import run_script

revision = "0023"
down_revision = "0022"

RECORD_REFUSALS = """
CREATE TABLE record_refusals (
    number      text COLLATE "C" NOT NULL,
    session     integer NOT NULL,
    record      integer NOT NULL,
    party       integer NOT NULL,
    sealed      bytea,
    refused_at  timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (number, session, record, party),
    FOREIGN KEY (number, session, record) REFERENCES session_records (number, session, record)
);
COMMENT ON TABLE record_refusals IS 'That a party refused to sign a version of a record, with what it said to it.';
CREATE TRIGGER record_refusals_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON record_refusals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(RECORD_REFUSALS)
