"""Invitations of parties: a code by which somebody without an account acts for one party."""

from services.kit.storage.migration import run_script

revision = "0021"
down_revision = "0020"

INVITATIONS = """
ALTER TABLE parties ADD COLUMN code_confided boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN parties.code_confided IS
    'Whether the mediator of record invited the party: with a code of the counter it stays shut.';
CREATE TABLE invitations (
    number       text COLLATE "C" NOT NULL,
    party        integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    companion    integer NOT NULL DEFAULT 0,
    code_index   bytea NOT NULL UNIQUE,
    sealed       bytea,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    failed       smallint NOT NULL DEFAULT 0,
    closed_until timestamptz,
    PRIMARY KEY (number, party),
    FOREIGN KEY (number, party) REFERENCES parties (number, party)
);
COMMENT ON TABLE invitations IS
    'Codes of parties, sealed with what the invitation says; one a party, a new one replaces it.';
COMMENT ON COLUMN invitations.companion IS
    'Guardian or support person who was invited in the party''s place; 0 for itself.';
COMMENT ON COLUMN invitations.code_index IS 'Keyed hash of the code.';
COMMENT ON COLUMN invitations.failed IS 'Wrong answers in a row.';
"""


def upgrade() -> None:
    run_script(INVITATIONS)
