"""Service of agreements that parties asked for."""

from services.kit.storage.migration import run_script

revision = "0025"
down_revision = "0024"

SERVICE_ASKED = """
CREATE TABLE service_asked (
    number    text COLLATE "C" NOT NULL,
    agreement integer NOT NULL,
    party     integer NOT NULL,
    channel   smallint NOT NULL,
    version   integer NOT NULL DEFAULT 1,
    asked_at  timestamptz NOT NULL,
    asked_by  text NOT NULL,
    PRIMARY KEY (number, agreement, party, channel),
    FOREIGN KEY (number, agreement) REFERENCES agreements (number, agreement)
);
COMMENT ON TABLE service_asked IS 'That a party asked for service of an agreement by a channel; the last time counts.';
"""


def upgrade() -> None:
    run_script(SERVICE_ASKED)
