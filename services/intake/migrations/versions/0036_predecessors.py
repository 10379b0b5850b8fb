"""Portable case files that came in."""

from services.kit.storage.migration import run_script

revision = "0036"
down_revision = "0035"

PREDECESSORS = """
CREATE TABLE predecessors (
    number        text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    origin_number text NOT NULL,
    key           text NOT NULL,
    key_owner     text NOT NULL,
    digest        text COLLATE "C" NOT NULL UNIQUE,
    size          bigint NOT NULL,
    events        integer NOT NULL,
    imported_at   timestamptz NOT NULL,
    imported_by   text NOT NULL
);
COMMENT ON TABLE predecessors IS 'From where a report came as a portable case file; never changed.';
COMMENT ON COLUMN predecessors.origin_number IS 'Number of the case there.';
COMMENT ON COLUMN predecessors.key IS 'Id of the key that signed it.';
COMMENT ON COLUMN predecessors.digest IS 'SHA-256 of its signed list: it is taken in once.';
CREATE TRIGGER predecessors_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON predecessors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE predecessor_parts (
    number text COLLATE "C" NOT NULL REFERENCES predecessors (number),
    part   integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (number, part)
);
COMMENT ON TABLE predecessor_parts IS
    'The files, in parts, sealed under the data key of their reports; never changed.';
CREATE TRIGGER predecessor_parts_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON predecessor_parts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(PREDECESSORS)
