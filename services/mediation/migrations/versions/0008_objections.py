"""Eighth layer: objections to a dispatch, the door a case came through, and when it was dispatched."""

from services.kit.storage.migration import run_script

revision = "0008"
down_revision = "0007"

OBJECTIONS = """
ALTER TABLE cases
    ADD COLUMN channel       smallint NOT NULL DEFAULT 0,
    ADD COLUMN dispatched_at timestamptz;
ALTER TABLE tasks ADD COLUMN dispatched_at timestamptz;
COMMENT ON COLUMN cases.dispatched_at IS 'When its unit got it; null while that is the unit it was opened for.';
COMMENT ON COLUMN tasks.dispatched_at IS 'When its unit got it; null while that is the unit the plan gave it to.';

CREATE TABLE objections (
    number          text COLLATE "C" NOT NULL REFERENCES cases,
    objection       integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    task            integer NOT NULL DEFAULT 0,
    unit            text COLLATE "C" NOT NULL,
    proposed        text COLLATE "C" NOT NULL,
    umpire          text COLLATE "C" NOT NULL,
    right_unit      text COLLATE "C" NOT NULL DEFAULT '',
    reason          text NOT NULL,
    grounds         bytea NOT NULL,
    decision        bytea,
    made_by         text NOT NULL,
    dispatched_at   timestamptz NOT NULL,
    object_until    timestamptz NOT NULL,
    made_at         timestamptz NOT NULL,
    decide_until    timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (number, objection)
);
COMMENT ON COLUMN objections.grounds IS 'Sealed under the key of the case, as is the decision.';
CREATE INDEX objections_first ON objections (decide_until, number, objection);
CREATE UNIQUE INDEX objections_open ON objections (number, task) WHERE state = 1;
"""


def upgrade() -> None:
    run_script(OBJECTIONS)
