"""Plans to clear the backlog, and into which matter a report was merged."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown

revision = "0022"
down_revision = "0021"

BACKLOG = """
ALTER TABLE case_facts ADD COLUMN merged_into text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN case_facts.merged_into IS 'The matter its report was merged into; empty for none.';

CREATE TABLE backlog_plans (
    number     text COLLATE "C" PRIMARY KEY REFERENCES files,
    version    integer NOT NULL DEFAULT 1,
    state      smallint NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    over_days  integer NOT NULL,
    drafted_by text NOT NULL,
    drafted_at timestamptz NOT NULL,
    decided_at timestamptz,
    ended_at   timestamptz
);
COMMENT ON TABLE backlog_plans
    IS 'Plans to clear the backlog; the matters they count are fixed when they are approved.';
CREATE INDEX backlog_plans_newest ON backlog_plans (drafted_at DESC, number DESC);

CREATE TABLE backlog_targets (
    number     text COLLATE "C" NOT NULL REFERENCES backlog_plans,
    target     integer NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    unit       text COLLATE "C" NOT NULL,
    wanted     integer NOT NULL,
    due_on     date NOT NULL,
    official   text NOT NULL,
    baseline   integer NOT NULL DEFAULT 0,
    due_at     timestamptz,
    reached_at timestamptz,
    PRIMARY KEY (number, target)
);
COMMENT ON TABLE backlog_targets IS 'Targets of plans, one a unit; none lies under another one of its plan.';
COMMENT ON COLUMN backlog_targets.wanted IS 'How many matters are to be settled.';
COMMENT ON COLUMN backlog_targets.due_on IS 'The day that the plan set; its clock runs from the approval.';
COMMENT ON COLUMN backlog_targets.official IS 'The lead official, by account.';
COMMENT ON COLUMN backlog_targets.baseline IS 'How many matters are counted for it.';
CREATE INDEX backlog_targets_unit ON backlog_targets (unit, number);

CREATE TABLE backlog_matters (
    plan        text COLLATE "C" NOT NULL,
    matter      text COLLATE "C" NOT NULL,
    target      integer NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (plan, matter),
    FOREIGN KEY (plan, target) REFERENCES backlog_targets (number, target)
);
COMMENT ON TABLE backlog_matters
    IS 'The matters that a plan counts, fixed by its approval: no transfer or merge takes one out.';
COMMENT ON COLUMN backlog_matters.unit IS 'The accountable unit when the plan was approved.';
"""


def upgrade() -> None:
    run_script(BACKLOG + shown("backlog_targets", key="'target-' || target::text"))
