"""Secret addresses of calendars, and whose sessions they show."""

from services.kit.storage.migration import run_script

revision = "0037"
down_revision = "0036"

CALENDARS = """
CREATE TABLE calendar_addresses (
    account    text PRIMARY KEY,
    version    integer NOT NULL DEFAULT 1,
    salt       bytea NOT NULL,
    code_index bytea NOT NULL UNIQUE,
    roles      text[] NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    language   text NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
COMMENT ON TABLE calendar_addresses IS 'Secret addresses of calendars: one an account, a new one replaces it.';
COMMENT ON COLUMN calendar_addresses.salt IS 'What the secret is derived from, with a key that is not stored here.';
COMMENT ON COLUMN calendar_addresses.code_index IS 'Keyed hash of the secret.';
COMMENT ON COLUMN calendar_addresses.roles IS 'Roles of the account when it was made.';
CREATE INDEX mediations_of ON mediations (mediator) WHERE mediator <> '';
CREATE INDEX parties_subject ON parties (subject) WHERE subject <> '';
"""


def upgrade() -> None:
    run_script(CALENDARS)
