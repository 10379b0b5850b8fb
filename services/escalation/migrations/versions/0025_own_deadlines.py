"""The deadlines of a person's calendar: with a revision, and for some days after they were met."""

from services.kit.storage.migration import run_script

revision = "0025"
down_revision = "0024"

DEADLINES = """
CREATE OR REPLACE VIEW work_clocks AS
SELECT service, clock, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at,
    CASE service WHEN 'intake' THEN 'reports' ELSE 'cases' END AS kind, taken_by, seq AS revision
FROM clock_facts
UNION ALL
SELECT 'escalation' COLLATE "C", id, number, rule, unit, subject COLLATE "C", state, started_at, due_at, next_at,
    stopped_at, CASE WHEN number < ':' THEN 'escalations' ELSE split_part(number, '-', 1) END, taken_by,
    (entries + generation)::bigint
FROM clocks;
CREATE INDEX clock_facts_own ON clock_facts (taken_by, stopped_at) WHERE state IN (2, 3) AND taken_by <> '';
CREATE INDEX clocks_own ON clocks (taken_by, stopped_at) WHERE state IN (2, 3) AND taken_by <> '';
"""


def upgrade() -> None:
    run_script(DEADLINES)
