"""Versions of plans and their changes; milestones, optional tasks, tasks in somebody's own words."""

from services.kit.storage.migration import run_script

revision = "0028"
down_revision = "0027"

PLANS = """
ALTER TABLE tasks ADD COLUMN milestone boolean NOT NULL DEFAULT false;
ALTER TABLE tasks ADD COLUMN optional boolean NOT NULL DEFAULT false;
ALTER TABLE tasks ADD COLUMN sealed bytea;
COMMENT ON COLUMN tasks.milestone IS 'Whether everybody in the case sees it in the progress.';
COMMENT ON COLUMN tasks.optional IS 'Whether the case may be closed without it.';
COMMENT ON COLUMN tasks.sealed IS 'Sealed under the key of the case: measure and evidence in somebody''s own words.';

CREATE TABLE plan_versions (
    number       text COLLATE "C" NOT NULL REFERENCES cases,
    plan_version integer NOT NULL,
    cause        smallint NOT NULL,
    change       integer NOT NULL DEFAULT 0,
    made_by      text NOT NULL,
    approved_by  text NOT NULL DEFAULT '',
    made_at      timestamptz NOT NULL,
    tasks        jsonb NOT NULL,
    PRIMARY KEY (number, plan_version)
);
COMMENT ON TABLE plan_versions IS
    'Every version of a plan: what it was, why, by whom, who approved; never changed.';
COMMENT ON COLUMN plan_versions.change IS 'The change that made it; 0 if none did.';
INSERT INTO plan_versions (number, plan_version, cause, made_by, made_at, tasks)
SELECT number, 1, 1, '', opened_at, coalesce((
    SELECT jsonb_agg(jsonb_build_object(
        'task', task, 'unit', unit, 'milestone', milestone, 'optional', optional,
        'due_at', coalesce(to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), '')
    ) ORDER BY task) FROM tasks WHERE tasks.number = cases.number AND state <> 6), '[]')
FROM cases;
CREATE TRIGGER plan_versions_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE plan_changes (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    change      integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    base        integer NOT NULL,
    made        integer NOT NULL DEFAULT 0,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    decided_by  text NOT NULL DEFAULT '',
    decided_at  timestamptz,
    sealed      bytea NOT NULL,
    note        bytea,
    PRIMARY KEY (number, change)
);
COMMENT ON TABLE plan_changes IS 'What was asked of a plan, and what became of it; never deleted.';
COMMENT ON COLUMN plan_changes.base IS 'The version of the plan that it changes.';
COMMENT ON COLUMN plan_changes.made IS 'The version that came of it; 0 if none did.';
COMMENT ON COLUMN plan_changes.sealed IS 'Sealed under the key of the case: what is changed, and why.';
COMMENT ON COLUMN plan_changes.note IS 'Sealed like it: what was said with the decision.';
CREATE INDEX plan_changes_first ON plan_changes (proposed_at, number, change);
CREATE UNIQUE INDEX plan_changes_open ON plan_changes (number) WHERE state = 1;
"""


def upgrade() -> None:
    run_script(PLANS)
