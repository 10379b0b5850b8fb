"""What partners attach to their items beside photos."""

from services.kit.storage.migration import run_script

revision = "0037"
down_revision = "0036"

ATTACHMENTS = """
CREATE TABLE attachments (
    number     text COLLATE "C" NOT NULL REFERENCES reports (number),
    attachment integer NOT NULL,
    partner    text COLLATE "C" NOT NULL,
    key        bytea NOT NULL,
    body       bytea NOT NULL,
    type       smallint NOT NULL,
    size       integer NOT NULL,
    named      bytea NOT NULL,
    sealed     bytea NOT NULL,
    added_at   timestamptz NOT NULL,
    PRIMARY KEY (number, attachment),
    CONSTRAINT attachments_once UNIQUE (number, partner, key)
);
COMMENT ON TABLE attachments IS
    'Files that partners attached to their items, sealed under the data key of the report.';
COMMENT ON COLUMN attachments.key IS 'Keyed hash of its number or name there, which may name a person.';
COMMENT ON COLUMN attachments.body IS 'Keyed hash of the file: the same name with another file is refused.';
COMMENT ON COLUMN attachments.named IS 'Title and file name, sealed.';
"""


def upgrade() -> None:
    run_script(ATTACHMENTS)
