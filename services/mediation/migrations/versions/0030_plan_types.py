"""What each published version of a plan type said when it was first served."""

from services.kit.storage.migration import run_script

revision = "0030"
down_revision = "0029"

TYPES = """
CREATE TABLE plan_types (
    name         text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    digest       text NOT NULL,
    content      jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);
COMMENT ON TABLE plan_types IS 'What each published version of a plan type says; never changed.';
CREATE TRIGGER plan_types_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_types
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(TYPES)
