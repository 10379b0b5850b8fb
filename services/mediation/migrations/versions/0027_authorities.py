"""Which authority handed a matter over, by which letter: the same letter is the same docking."""

from services.kit.storage.migration import run_script

revision = "0027"
down_revision = "0026"

AUTHORITIES = """
ALTER TABLE dockings ADD COLUMN authority text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE dockings ADD COLUMN reference text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN dockings.authority IS 'Unit of the authority; empty for what was handed over before it was recorded.';
COMMENT ON COLUMN dockings.reference IS 'Its letter: unique for each authority.';
CREATE UNIQUE INDEX dockings_letter ON dockings (authority, reference) WHERE authority <> '';
CREATE INDEX dockings_sent ON dockings (authority, handed_over_at DESC, number DESC, docking DESC)
    WHERE authority <> '';
"""


def upgrade() -> None:
    run_script(AUTHORITIES)
