"""That a case was taken out as a portable file."""

from services.kit.storage.migration import run_script

revision = "0040"
down_revision = "0039"

TAKE_OUTS = """
CREATE TABLE take_outs (
    number   text COLLATE "C" NOT NULL REFERENCES cases (number),
    take_out integer NOT NULL,
    ground   smallint NOT NULL,
    reason   bytea NOT NULL,
    taken_at timestamptz NOT NULL,
    taken_by text NOT NULL,
    PRIMARY KEY (number, take_out)
);
COMMENT ON TABLE take_outs IS 'That a case was taken out whole, by whom, on what ground and why; never changed.';
COMMENT ON COLUMN take_outs.reason IS 'Sealed under the key of the case: it is told in words.';
CREATE TRIGGER take_outs_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON take_outs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(TAKE_OUTS)
