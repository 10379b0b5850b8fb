"""The list of officials that heads keep, and the results of identity checks."""

from services.kit.storage.migration import run_script

revision = "0036"
down_revision = "0035"

OFFICIALS = """
CREATE TABLE officials (
    unit        text COLLATE "C" NOT NULL,
    official_no integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    account     text COLLATE "C" NOT NULL,
    sealed      bytea NOT NULL,
    signs       boolean NOT NULL,
    first_on    date NOT NULL,
    last_on     date,
    PRIMARY KEY (unit, official_no),
    CHECK (last_on IS NULL OR first_on <= last_on + 1)
);
COMMENT ON TABLE officials IS 'Who an account is on paper, kept by the head of the unit; no figure about anybody.';
COMMENT ON COLUMN officials.sealed IS 'Name and post, sealed under the key of the list.';
COMMENT ON COLUMN officials.signs IS 'Whether they sign for the unit.';
CREATE INDEX officials_account ON officials (account);
CREATE TABLE official_versions (
    unit        text COLLATE "C" NOT NULL,
    official_no integer NOT NULL,
    version     integer NOT NULL,
    sealed      bytea NOT NULL,
    signs       boolean NOT NULL,
    first_on    date NOT NULL,
    last_on     date,
    entered_at  timestamptz NOT NULL,
    entered_by  text NOT NULL,
    PRIMARY KEY (unit, official_no, version),
    FOREIGN KEY (unit, official_no) REFERENCES officials (unit, official_no)
);
COMMENT ON TABLE official_versions IS 'Every version of every entry, the newest too.';
CREATE TABLE identity_checks (
    number     text COLLATE "C" NOT NULL,
    party      integer NOT NULL,
    check_no   integer NOT NULL,
    document   smallint NOT NULL,
    matches    boolean NOT NULL,
    checked_at timestamptz NOT NULL,
    checked_by text NOT NULL,
    PRIMARY KEY (number, party, check_no),
    FOREIGN KEY (number, party) REFERENCES parties (number, party)
);
COMMENT ON TABLE identity_checks IS
    'Results of identity checks: by which document and whether it was the party; never a copy.';
COMMENT ON COLUMN identity_checks.document IS
    '0: name or number of the party changed, what was checked before is void.';
CREATE TRIGGER identity_checks_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON identity_checks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(OFFICIALS)
