"""Agents act by themselves: codes of their own, and a last day of their powers."""

from services.kit.storage.migration import run_script

revision = "0035"
down_revision = "0034"

AGENTS = """
ALTER TABLE companions ADD COLUMN last_day date;
COMMENT ON COLUMN companions.last_day IS 'Last day of the powers of an agent; none if they last as long as the matter.';
CREATE TABLE agent_invitations (
    number       text COLLATE "C" NOT NULL,
    companion    integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    code_index   bytea NOT NULL UNIQUE,
    sealed       bytea,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    failed       smallint NOT NULL DEFAULT 0,
    closed_until timestamptz,
    PRIMARY KEY (number, companion),
    FOREIGN KEY (number, companion) REFERENCES companions (number, companion)
);
COMMENT ON TABLE agent_invitations IS
    'Codes of agents and representatives, sealed; one each, a new one replaces it.';
COMMENT ON COLUMN agent_invitations.code_index IS 'Keyed hash of the code.';
COMMENT ON COLUMN agent_invitations.failed IS 'Wrong answers in a row.';
"""


def upgrade() -> None:
    run_script(AGENTS)
