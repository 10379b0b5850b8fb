"""Facts: what supervision counts, digests kept for the record, assessments, fixes of rules."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0010"
down_revision = "0009"

FACTS = """
ALTER TABLE case_facts
    ADD COLUMN about              text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN state              text NOT NULL DEFAULT '',
    ADD COLUMN stage              text NOT NULL DEFAULT '',
    ADD COLUMN accepted_at        timestamptz,
    ADD COLUMN declined_at        timestamptz,
    ADD COLUMN opened_at          timestamptz,
    ADD COLUMN last_closed_at     timestamptz,
    ADD COLUMN outcome            text NOT NULL DEFAULT '',
    ADD COLUMN mediation          text NOT NULL DEFAULT '',
    ADD COLUMN mediation_ended_at timestamptz,
    ADD COLUMN notices            integer NOT NULL DEFAULT 0,
    ADD COLUMN notices_served     integer NOT NULL DEFAULT 0,
    ADD COLUMN performance        text NOT NULL DEFAULT '',
    ADD COLUMN answers            integer NOT NULL DEFAULT 0,
    ADD COLUMN satisfied          integer NOT NULL DEFAULT 0,
    ADD COLUMN visits             integer NOT NULL DEFAULT 0,
    ADD COLUMN recurred           boolean NOT NULL DEFAULT false,
    ADD COLUMN reopenings         integer NOT NULL DEFAULT 0,
    ADD COLUMN report_seq         bigint NOT NULL DEFAULT 0,
    ADD COLUMN case_seq           bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN case_facts.about IS 'The unit complained of; empty for none.';
COMMENT ON COLUMN case_facts.closed_at IS 'When it was over: closed, declined or merged; unset while it is open.';
COMMENT ON COLUMN case_facts.last_closed_at IS 'When its case was closed the last time, whatever came after.';
COMMENT ON COLUMN case_facts.report_seq IS 'Event of intake up to which the facts go: older ones change nothing.';
COMMENT ON COLUMN case_facts.case_seq IS 'Event of mediation up to which the facts go; 0 while there is no case.';
CREATE INDEX case_facts_received ON case_facts (received_at, number);
CREATE INDEX case_facts_unit ON case_facts (unit, received_at);
CREATE INDEX case_facts_open ON case_facts (unit, received_at, number) WHERE closed_at IS NULL;
CREATE INDEX case_facts_opened ON case_facts (opened_at) WHERE opened_at IS NOT NULL;
CREATE INDEX case_facts_closed ON case_facts (closed_at, number) WHERE closed_at IS NOT NULL;
CREATE INDEX case_facts_ended ON case_facts (unit) WHERE last_closed_at IS NOT NULL OR mediation_ended_at IS NOT NULL;

CREATE TABLE clock_facts (
    service    text COLLATE "C" NOT NULL,
    clock      text COLLATE "C" NOT NULL,
    number     text COLLATE "C" NOT NULL,
    rule       text NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    state      smallint NOT NULL,
    started_at timestamptz NOT NULL,
    due_at     timestamptz,
    next_at    timestamptz,
    stopped_at timestamptz,
    seq        bigint NOT NULL,
    PRIMARY KEY (service, clock)
);
COMMENT ON TABLE clock_facts IS 'The clocks of intake and mediation; whether one is overdue is asked of its dates.';
COMMENT ON COLUMN clock_facts.seq IS 'Event of its case up to which the facts go: older ones change nothing.';
CREATE INDEX clock_facts_number ON clock_facts (number);
CREATE INDEX clock_facts_work ON clock_facts (unit, due_at) WHERE state IN (1, 4);
CREATE INDEX clock_facts_rule ON clock_facts (rule, due_at);
CREATE INDEX clock_facts_taken ON clock_facts (stopped_at, clock) WHERE state = 2;
CREATE INDEX clocks_work ON clocks (unit, due_at) WHERE state IN (1, 4);
CREATE INDEX clocks_rule ON clocks (rule, due_at);
CREATE INDEX clocks_taken ON clocks (stopped_at, id) WHERE state = 2;
CREATE INDEX files_opened ON files (opened_at) WHERE opened_at IS NOT NULL;

CREATE VIEW work_clocks AS
SELECT service, clock, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at,
    CASE service WHEN 'intake' THEN 'reports' ELSE 'cases' END AS kind
FROM clock_facts
UNION ALL
SELECT 'escalation' COLLATE "C", id, number, rule, unit, subject COLLATE "C", state, started_at, due_at, next_at,
    stopped_at, CASE WHEN number < ':' THEN 'escalations' ELSE split_part(number, '-', 1) END
FROM clocks;
COMMENT ON VIEW work_clocks IS 'All services'' clocks; of numbers, those of cases alone begin with a digit.';

CREATE VIEW matter_units AS
SELECT number, unit, category, grade FROM case_facts
UNION ALL
SELECT number, unit, '', 0 FROM files WHERE unit <> '';
COMMENT ON VIEW matter_units IS 'Whose matter a number is.';
"""

DIGESTS = """
CREATE TABLE digest_days (
    day         date PRIMARY KEY,
    as_of_at    timestamptz NOT NULL,
    compiled_at timestamptz NOT NULL
);
COMMENT ON TABLE digest_days IS 'The claim that the digests of a day are kept once.';

CREATE TABLE digests (
    unit    text COLLATE "C" NOT NULL,
    day     date NOT NULL REFERENCES digest_days,
    content jsonb NOT NULL,
    PRIMARY KEY (unit, day)
);
COMMENT ON TABLE digests IS 'What a unit and all below it had before it on a day: counts, and whom it waited for.';
CREATE INDEX digests_day ON digests (day, unit);
"""

ASSESSMENTS = """
CREATE TABLE assessments (
    number           text COLLATE "C" PRIMARY KEY REFERENCES files,
    version          integer NOT NULL DEFAULT 1,
    state            smallint NOT NULL,
    unit             text COLLATE "C" NOT NULL,
    period           text NOT NULL,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    published_at     timestamptz,
    published_by     text NOT NULL DEFAULT '',
    objection_due_at timestamptz,
    final_at         timestamptz,
    final_by         text NOT NULL DEFAULT ''
);
CREATE INDEX assessments_newest ON assessments (created_at DESC, number DESC);

CREATE TABLE assessment_results (
    number      text COLLATE "C" NOT NULL REFERENCES assessments,
    unit        text COLLATE "C" NOT NULL,
    place       integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    indicator   text NOT NULL,
    rule        jsonb NOT NULL,
    numerator   integer NOT NULL,
    denominator integer NOT NULL,
    peers       jsonb NOT NULL,
    before      jsonb NOT NULL,
    corrected   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (number, unit, indicator)
);
COMMENT ON COLUMN assessment_results.rule IS 'The whole rule it was counted by: a later edit moves nothing.';
COMMENT ON COLUMN assessment_results.peers IS '[[numerator, denominator], ...] of the peers with enough matters.';
CREATE INDEX assessment_results_unit ON assessment_results (unit, number);

CREATE TABLE assessment_objections (
    number      text COLLATE "C" NOT NULL REFERENCES assessments,
    objection   integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    indicator   text NOT NULL,
    sealed      bytea,
    objected_at timestamptz NOT NULL,
    objected_by text NOT NULL,
    due_at      timestamptz NOT NULL,
    decided_at  timestamptz,
    decided_by  text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    PRIMARY KEY (number, objection)
);

CREATE TABLE assessment_corrections (
    number          text COLLATE "C" NOT NULL,
    objection       integer NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    indicator       text NOT NULL,
    old_numerator   integer NOT NULL,
    old_denominator integer NOT NULL,
    numerator       integer NOT NULL,
    denominator     integer NOT NULL,
    corrected_at    timestamptz NOT NULL,
    corrected_by    text NOT NULL,
    PRIMARY KEY (number, objection),
    FOREIGN KEY (number, objection) REFERENCES assessment_objections
);

CREATE TABLE rule_fixes (
    number      text COLLATE "C" PRIMARY KEY REFERENCES files,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    problem     text COLLATE "C" NOT NULL,
    rule        text NOT NULL,
    sealed      bytea NOT NULL,
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL,
    decided_at  timestamptz,
    decided_by  text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT ''
);
CREATE INDEX rule_fixes_unit ON rule_fixes (unit, proposed_at);
"""

FOR_GOOD = ("digest_days", "digests", "assessment_corrections")
"""What was kept for the record or corrected stays as it was."""


def upgrade() -> None:
    run_script(FACTS + DIGESTS + ASSESSMENTS + "".join(REFUSE.format(table=table) for table in FOR_GOOD))
