"""Ninth layer: early warnings, recommendations, screening campaigns."""

from services.kit.storage.migration import run_script

revision = "0009"
down_revision = "0008"

WARNINGS = """
CREATE TABLE warnings (
    number          text COLLATE "C" PRIMARY KEY REFERENCES files,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    kind            smallint NOT NULL,
    urgent          boolean NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    place           text COLLATE "C" NOT NULL,
    category        text NOT NULL,
    level           smallint NOT NULL DEFAULT 0,
    assessment      text NOT NULL DEFAULT '',
    addressee       text COLLATE "C" NOT NULL DEFAULT '',
    target          text COLLATE "C" NOT NULL DEFAULT '',
    returned        integer NOT NULL DEFAULT 0,
    round           integer NOT NULL DEFAULT 1,
    measures_until  timestamptz,
    due_at          timestamptz,
    drafted_by      text NOT NULL DEFAULT '',
    measures_by     text NOT NULL DEFAULT '',
    reported_at     timestamptz NOT NULL,
    taken_up_at     timestamptz,
    verified_at     timestamptz,
    assessed_at     timestamptz,
    warned_at       timestamptz,
    measures_at     timestamptz,
    closed_at       timestamptz,
    sealed_hazard   bytea,
    sealed_reporter bytea,
    sealed_finding  bytea,
    sealed_demand   bytea,
    sealed_measures bytea
);
COMMENT ON TABLE warnings IS 'Hazards and trends at places: verified, assessed, warned of. No person is a column here.';
COMMENT ON COLUMN warnings.sealed_reporter IS 'The account that reported it; never shown to the unit concerned.';
CREATE INDEX warnings_open ON warnings (urgent DESC, reported_at, number) WHERE closed_at IS NULL;
CREATE INDEX warnings_all ON warnings (urgent DESC, reported_at, number);
"""

RECOMMENDATIONS = """
CREATE TABLE cluster_dismissals (
    number       text COLLATE "C" PRIMARY KEY REFERENCES files,
    place        text COLLATE "C" NOT NULL,
    category     text NOT NULL,
    reason       text NOT NULL,
    dismissed_at timestamptz NOT NULL,
    until        timestamptz NOT NULL
);
COMMENT ON TABLE cluster_dismissals IS 'Candidates that somebody set aside, why, and until when.';
CREATE INDEX cluster_dismissals_place ON cluster_dismissals (place, category, until);
CREATE INDEX case_facts_window ON case_facts (received_at) INCLUDE (place, unit, category);

CREATE TABLE recommendations (
    number           text COLLATE "C" PRIMARY KEY REFERENCES files,
    version          integer NOT NULL DEFAULT 1,
    state            smallint NOT NULL,
    kind             smallint NOT NULL,
    unit             text COLLATE "C" NOT NULL,
    addressee        text COLLATE "C" NOT NULL,
    category         text NOT NULL,
    place            text COLLATE "C" NOT NULL,
    cluster          text NOT NULL DEFAULT '',
    letter_number    text NOT NULL DEFAULT '',
    receipt          text NOT NULL DEFAULT '',
    researched       boolean NOT NULL,
    communicated     boolean NOT NULL,
    objection        smallint NOT NULL DEFAULT 0,
    pair_count       integer NOT NULL,
    drafters         text[] NOT NULL,
    approved_by      text NOT NULL DEFAULT '',
    due_at           timestamptz,
    created_at       timestamptz NOT NULL,
    approved_at      timestamptz,
    served_at        timestamptz,
    objected_at      timestamptz,
    replied_at       timestamptz,
    visited_at       timestamptz,
    withdrawn_at     timestamptz,
    sealed           bytea NOT NULL,
    sealed_objection bytea,
    sealed_decision  bytea,
    sealed_reply     bytea,
    sealed_visit     bytea
);
COMMENT ON TABLE recommendations IS 'Recommendations to departments; what they say is sealed, what came of it is not.';
CREATE INDEX recommendations_oldest ON recommendations (created_at, number);

CREATE TABLE recommendation_pairs (
    number      text COLLATE "C" NOT NULL REFERENCES recommendations,
    pair        integer NOT NULL,
    adoption    smallint NOT NULL DEFAULT 0,
    carried_out smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (number, pair)
);
COMMENT ON TABLE recommendation_pairs IS 'What became of each problem and its advice.';
"""

CAMPAIGNS = """
CREATE TABLE campaigns (
    number        text COLLATE "C" PRIMARY KEY REFERENCES files,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    kind          smallint NOT NULL,
    unit          text COLLATE "C" NOT NULL,
    categories    text[] NOT NULL,
    start_on      date NOT NULL,
    end_on        date NOT NULL,
    round_days    integer NOT NULL,
    round         integer NOT NULL DEFAULT 0,
    round_end_on  date,
    item_count    integer NOT NULL,
    checks        integer NOT NULL DEFAULT 0,
    findings      integer NOT NULL DEFAULT 0,
    due_at        timestamptz,
    created_at    timestamptz NOT NULL,
    started_at    timestamptz,
    ended_at      timestamptz,
    sealed        bytea NOT NULL,
    sealed_report bytea
);
COMMENT ON TABLE campaigns IS 'Screening campaigns: which fields, which places, which period.';
COMMENT ON COLUMN campaigns.checks IS 'Last number given to a check.';
CREATE INDEX campaigns_newest ON campaigns (created_at DESC, number DESC);

CREATE TABLE campaign_places (
    number text COLLATE "C" NOT NULL REFERENCES campaigns,
    place  text COLLATE "C" NOT NULL,
    unit   text COLLATE "C" NOT NULL,
    PRIMARY KEY (number, place)
);
COMMENT ON TABLE campaign_places IS 'The places of a campaign and the unit that goes there.';

CREATE TABLE campaign_checks (
    number      text COLLATE "C" NOT NULL REFERENCES campaigns,
    check_no        integer NOT NULL,
    round       integer NOT NULL,
    place       text COLLATE "C" NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    answers     smallint[] NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (number, check_no)
);
COMMENT ON TABLE campaign_checks IS 'Somebody of a unit went to a place; nothing here is counted by person.';
CREATE INDEX campaign_checks_place ON campaign_checks (number, round, place);

CREATE TABLE findings (
    number          text COLLATE "C" NOT NULL REFERENCES campaigns,
    finding         integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    check_no        integer NOT NULL,
    round           integer NOT NULL,
    state           smallint NOT NULL,
    place           text COLLATE "C" NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    category        text NOT NULL,
    people_affected integer NOT NULL,
    danger          boolean NOT NULL,
    report          text COLLATE "C" NOT NULL DEFAULT '',
    recorded_at     timestamptz NOT NULL,
    handed_over_at  timestamptz,
    sealed          bytea NOT NULL,
    PRIMARY KEY (number, finding)
);
COMMENT ON TABLE findings IS 'What checks found, on its way into intake: each becomes one report.';
CREATE INDEX findings_pending ON findings (number, finding) WHERE state = 1;
"""


def upgrade() -> None:
    run_script(WARNINGS)
    run_script(RECOMMENDATIONS)
    run_script(CAMPAIGNS)
