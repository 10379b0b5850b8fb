"""Special handling: plans, task forces, lead officials, experts and their consultations, long-term monitoring."""

from services.kit.storage.migration import run_script

revision = "0007"
down_revision = "0006"

PLANS = """
CREATE TABLE matter_plans (
    number            text COLLATE "C" NOT NULL REFERENCES files,
    plan              integer NOT NULL,
    version           integer NOT NULL DEFAULT 1,
    state             smallint NOT NULL,
    edition           integer NOT NULL DEFAULT 1,
    round             integer NOT NULL DEFAULT 0,
    cost_fen          bigint NOT NULL,
    fallback          smallint NOT NULL,
    drafted_by        text[] NOT NULL,
    drafted_at        timestamptz NOT NULL,
    submitted_at      timestamptz,
    approved_by       text NOT NULL DEFAULT '',
    approved_at       timestamptz,
    executed_at       timestamptz,
    assessed_by       text NOT NULL DEFAULT '',
    assessed_at       timestamptz,
    assessment        smallint NOT NULL DEFAULT 0,
    sealed            bytea NOT NULL,
    sealed_approval   bytea,
    sealed_assessment bytea,
    PRIMARY KEY (number, plan)
);
COMMENT ON COLUMN matter_plans.edition IS 'How often it was written: measures and checks are of this edition.';
COMMENT ON COLUMN matter_plans.round IS 'How often it went round: its countersignatures are those of this round.';
COMMENT ON COLUMN matter_plans.drafted_by IS 'Everybody who drafted or edited it: none of them approves it.';

CREATE TABLE plan_measures (
    number      text COLLATE "C" NOT NULL,
    plan        integer NOT NULL,
    edition     integer NOT NULL,
    measure     integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    due_on      date NOT NULL,
    evidence    text NOT NULL DEFAULT '',
    reported_by text NOT NULL DEFAULT '',
    reported_at timestamptz,
    sealed      bytea NOT NULL,
    PRIMARY KEY (number, plan, edition, measure),
    FOREIGN KEY (number, plan) REFERENCES matter_plans
);

CREATE TABLE plan_party_checks (
    number   text COLLATE "C" NOT NULL,
    plan     integer NOT NULL,
    edition  integer NOT NULL,
    place    integer NOT NULL,
    party    text COLLATE "C" NOT NULL,
    may_sue  boolean NOT NULL,
    told     boolean NOT NULL,
    consents boolean NOT NULL,
    PRIMARY KEY (number, plan, edition, place),
    FOREIGN KEY (number, plan) REFERENCES matter_plans
);

CREATE TABLE plan_countersignatures (
    number    text COLLATE "C" NOT NULL,
    plan      integer NOT NULL,
    round     integer NOT NULL,
    place     integer NOT NULL,
    version   integer NOT NULL DEFAULT 1,
    unit      text COLLATE "C" NOT NULL,
    role      smallint NOT NULL,
    agrees    boolean NOT NULL DEFAULT false,
    signed_by text NOT NULL DEFAULT '',
    signed_at timestamptz,
    sealed    bytea,
    PRIMARY KEY (number, plan, round, place),
    FOREIGN KEY (number, plan) REFERENCES matter_plans
);
"""

FORCES = """
CREATE TABLE task_forces (
    number          text COLLATE "C" NOT NULL REFERENCES files,
    force           integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    reason          text NOT NULL,
    ordered_by      text NOT NULL,
    ordered_at      timestamptz NOT NULL,
    set_up_at       timestamptz,
    leader_unit     text COLLATE "C" NOT NULL DEFAULT '',
    leader_office   text NOT NULL DEFAULT '',
    secretary_unit  text COLLATE "C" NOT NULL DEFAULT '',
    secretary_office text NOT NULL DEFAULT '',
    dissolved_at    timestamptz,
    dissolve_reason text NOT NULL DEFAULT '',
    PRIMARY KEY (number, force)
);

CREATE TABLE force_members (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text COLLATE "C" NOT NULL,
    force  integer NOT NULL,
    unit   text COLLATE "C" NOT NULL,
    since  timestamptz NOT NULL,
    until  timestamptz,
    FOREIGN KEY (number, force) REFERENCES task_forces
);
CREATE UNIQUE INDEX force_members_now ON force_members (number, force, unit) WHERE until IS NULL;

CREATE TABLE force_meetings (
    number     text COLLATE "C" NOT NULL,
    meeting    integer NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    force      integer NOT NULL,
    units      text[] NOT NULL,
    held_at    timestamptz NOT NULL,
    minutes_by text NOT NULL DEFAULT '',
    minutes_at timestamptz,
    sealed     bytea,
    PRIMARY KEY (number, meeting),
    FOREIGN KEY (number, force) REFERENCES task_forces
);

CREATE TABLE force_tasks (
    number      text COLLATE "C" NOT NULL,
    task        integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    force       integer NOT NULL,
    meeting     integer NOT NULL DEFAULT 0,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    due_on      date NOT NULL,
    evidence    text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    reported_by text NOT NULL DEFAULT '',
    reported_at timestamptz,
    verified_by text NOT NULL DEFAULT '',
    verified_at timestamptz,
    sealed      bytea NOT NULL,
    PRIMARY KEY (number, task),
    FOREIGN KEY (number, force) REFERENCES task_forces
);
"""

LEADS = """
CREATE TABLE leads (
    number        text COLLATE "C" PRIMARY KEY REFERENCES files,
    version       integer NOT NULL DEFAULT 1,
    unit          text COLLATE "C" NOT NULL,
    office        text NOT NULL,
    assigned_at   timestamptz NOT NULL,
    first_look_at timestamptz,
    contact_at    timestamptz,
    month         integer NOT NULL DEFAULT 1,
    notes         integer NOT NULL DEFAULT 0,
    ended_at      timestamptz
);
COMMENT ON TABLE leads IS 'The lead of a matter; who it is stands in holdings. There is no list by official.';
COMMENT ON COLUMN leads.month IS 'The month whose note has the latest clock.';

CREATE TABLE lead_notes (
    number text COLLATE "C" NOT NULL REFERENCES leads,
    note   integer NOT NULL,
    kind   smallint NOT NULL,
    form   smallint NOT NULL,
    by     text NOT NULL,
    at     timestamptz NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (number, note)
);

CREATE TABLE lead_hand_overs (
    number      text COLLATE "C" NOT NULL REFERENCES leads,
    hand_over   integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    from_unit   text COLLATE "C" NOT NULL,
    to_unit     text COLLATE "C" NOT NULL,
    successor   text COLLATE "C" NOT NULL,
    office      text NOT NULL,
    reason      text NOT NULL,
    open_items  text[] NOT NULL,
    clocks      text[] NOT NULL,
    dues        timestamptz[] NOT NULL,
    offered_at  timestamptz NOT NULL,
    answered_at timestamptz,
    sealed      bytea NOT NULL,
    PRIMARY KEY (number, hand_over)
);
"""

CONSULTATIONS = """
CREATE TABLE experts (
    number        text COLLATE "C" PRIMARY KEY REFERENCES files,
    version       integer NOT NULL DEFAULT 1,
    unit          text COLLATE "C" NOT NULL,
    account       text COLLATE "C" NOT NULL,
    fields        text[] NOT NULL,
    active        boolean NOT NULL,
    registered_at timestamptz NOT NULL,
    sealed        bytea NOT NULL
);
CREATE INDEX experts_oldest ON experts (registered_at, number);
CREATE INDEX experts_unit ON experts (unit text_pattern_ops);

CREATE TABLE consultations (
    number          text COLLATE "C" NOT NULL REFERENCES files,
    consultation    integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    field           text NOT NULL,
    party_units     text[] NOT NULL,
    clocks          text[] NOT NULL,
    seed            text NOT NULL DEFAULT '',
    expert          text COLLATE "C" NOT NULL DEFAULT '',
    asked_by        text NOT NULL,
    asked_at        timestamptz NOT NULL,
    drawn_at        timestamptz,
    opinion_by      text NOT NULL DEFAULT '',
    opinion_at      timestamptz,
    adoption        smallint NOT NULL DEFAULT 0,
    adopted_by      text NOT NULL DEFAULT '',
    adopted_at      timestamptz,
    ended_at        timestamptz,
    end_reason      text NOT NULL DEFAULT '',
    sealed          bytea NOT NULL,
    sealed_opinion  bytea,
    sealed_adoption bytea,
    PRIMARY KEY (number, consultation)
);
COMMENT ON COLUMN consultations.seed IS 'Seed of the latest draw: the order follows from it and the names alone.';

CREATE TABLE consultation_conflicts (
    number       text COLLATE "C" NOT NULL,
    consultation integer NOT NULL,
    expert       text COLLATE "C" NOT NULL,
    reason       smallint NOT NULL,
    PRIMARY KEY (number, consultation, expert),
    FOREIGN KEY (number, consultation) REFERENCES consultations
);

CREATE TABLE expert_asks (
    number       text COLLATE "C" NOT NULL,
    consultation integer NOT NULL,
    place        integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    seed         text NOT NULL,
    expert       text COLLATE "C" NOT NULL REFERENCES experts,
    state        smallint NOT NULL,
    reason       smallint NOT NULL DEFAULT 0,
    asked_at     timestamptz,
    answered_at  timestamptz,
    PRIMARY KEY (number, consultation, place),
    FOREIGN KEY (number, consultation) REFERENCES consultations
);
"""

MONITORING = """
CREATE TABLE monitorings (
    number        text COLLATE "C" NOT NULL REFERENCES files,
    monitoring    integer NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    unit          text COLLATE "C" NOT NULL,
    reason        text NOT NULL,
    interval_code smallint NOT NULL,
    begun_by      text NOT NULL,
    begun_at      timestamptz NOT NULL,
    round         integer NOT NULL DEFAULT 1,
    due_at        timestamptz NOT NULL,
    ended_by      text NOT NULL DEFAULT '',
    ended_at      timestamptz,
    sealed        bytea NOT NULL,
    sealed_end    bytea,
    PRIMARY KEY (number, monitoring)
);
COMMENT ON COLUMN monitorings.unit IS 'The unit that keeps the matter.';
COMMENT ON COLUMN monitorings.due_at IS 'Until when the next review is due; of one that ended, the far future.';
CREATE INDEX monitorings_next ON monitorings (due_at, number, monitoring);
CREATE UNIQUE INDEX monitorings_active ON monitorings (number) WHERE state = 1;

CREATE TABLE monitoring_reviews (
    number     text COLLATE "C" NOT NULL,
    monitoring integer NOT NULL,
    review     integer NOT NULL,
    finding    smallint NOT NULL,
    by         text NOT NULL,
    at         timestamptz NOT NULL,
    sealed     bytea NOT NULL,
    PRIMARY KEY (number, monitoring, review),
    FOREIGN KEY (number, monitoring) REFERENCES monitorings
);
"""


def upgrade() -> None:
    for script in (PLANS, FORCES, LEADS, CONSULTATIONS, MONITORING):
        run_script(script)
