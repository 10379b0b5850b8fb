"""Other times that parties ask for."""

from services.kit.storage.migration import run_script

revision = "0022"
down_revision = "0021"

OTHER_TIMES = """
CREATE TABLE time_wishes (
    number   text COLLATE "C" NOT NULL,
    session  integer NOT NULL,
    party    integer NOT NULL,
    times    timestamptz[] NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by text NOT NULL,
    PRIMARY KEY (number, session, party),
    FOREIGN KEY (number, session) REFERENCES sessions (number, session)
);
COMMENT ON TABLE time_wishes IS 'When a party could come to a session instead; its last word.';
"""


def upgrade() -> None:
    run_script(OTHER_TIMES)
