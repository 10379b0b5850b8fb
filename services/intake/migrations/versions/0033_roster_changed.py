"""When an entry of the roster changed: the other services are told."""

from services.kit.storage.migration import run_script

revision = "0033"
down_revision = "0032"

CHANGED = """
ALTER TABLE grid_workers ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN grid_workers.changed_at IS 'By the database''s clock: the other services are told what changed.';
CREATE INDEX grid_workers_changed ON grid_workers (changed_at);
"""


def upgrade() -> None:
    run_script(CHANGED)
