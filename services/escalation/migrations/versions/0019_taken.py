"""Who took on a step: the worklist of a person."""

from services.kit.storage.migration import run_script

revision = "0019"
down_revision = "0018"

TAKEN = """
ALTER TABLE clocks ADD COLUMN taken_by text NOT NULL DEFAULT '';
COMMENT ON COLUMN clocks.taken_by
    IS 'Account of the official who took the step on; empty while it is the whole unit''s.';
ALTER TABLE clock_facts ADD COLUMN taken_by text NOT NULL DEFAULT '';
CREATE INDEX clocks_taken_by ON clocks (taken_by) WHERE state IN (1, 4) AND taken_by <> '';
CREATE INDEX clock_facts_taken_by ON clock_facts (taken_by) WHERE state IN (1, 4) AND taken_by <> '';
CREATE OR REPLACE VIEW work_clocks AS
SELECT service, clock, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at,
    CASE service WHEN 'intake' THEN 'reports' ELSE 'cases' END AS kind, taken_by
FROM clock_facts
UNION ALL
SELECT 'escalation' COLLATE "C", id, number, rule, unit, subject COLLATE "C", state, started_at, due_at, next_at,
    stopped_at, CASE WHEN number < ':' THEN 'escalations' ELSE split_part(number, '-', 1) END, taken_by
FROM clocks;
"""


def upgrade() -> None:
    run_script(TAKEN)
