"""What authorities are told of the matters they handed over."""

from services.kit.storage.migration import run_script

revision = "0041"
down_revision = "0040"

TOLD = """
CREATE TABLE docking_changes (
    position   bigint PRIMARY KEY,
    number     text COLLATE "C" NOT NULL,
    docking    integer NOT NULL,
    authority  text COLLATE "C" NOT NULL,
    kinds      smallint[] NOT NULL,
    changed_at timestamptz NOT NULL,
    FOREIGN KEY (number, docking) REFERENCES dockings (number, docking)
);
COMMENT ON TABLE docking_changes IS 'What became of dockings, in order, for the authorities that handed them over.';
COMMENT ON COLUMN docking_changes.position IS 'The place of the last event of the change in the feed.';
CREATE INDEX docking_changes_of ON docking_changes (authority, position);
CREATE TABLE docking_place (
    one      boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE docking_place IS 'Up to which place of the feed the changes of dockings were looked for: one row.';
-- From the beginning: what was handed over before is told as well.
INSERT INTO docking_place DEFAULT VALUES;
"""


def upgrade() -> None:
    run_script(TOLD)
