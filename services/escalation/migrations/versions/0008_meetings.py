"""Review of answers, dispatch meetings, and what comes round again."""

from services.kit.storage.migration import run_script

revision = "0008"
down_revision = "0007"

REVIEWS = """
CREATE TABLE reviews (
    number        text COLLATE "C" PRIMARY KEY REFERENCES files,
    version       integer NOT NULL DEFAULT 1,
    state         smallint NOT NULL,
    case_number   text COLLATE "C" NOT NULL,
    unit          text COLLATE "C" NOT NULL,
    turn          text COLLATE "C" NOT NULL,
    due_at        timestamptz,
    lapsed        boolean NOT NULL DEFAULT false,
    receipt_index bytea NOT NULL,
    opened_at     timestamptz NOT NULL,
    ended_at      timestamptz
);
COMMENT ON TABLE reviews IS 'The review of the answer to a petition: one a case, from the answer to the final notice.';
COMMENT ON COLUMN reviews.turn IS 'The unit that acts next, or at whose counter the person may ask.';
COMMENT ON COLUMN reviews.receipt_index IS 'Keyed hash of the receipt code, which is nowhere stored.';
CREATE UNIQUE INDEX reviews_case ON reviews (case_number);
CREATE UNIQUE INDEX reviews_receipt ON reviews (receipt_index);
CREATE INDEX reviews_urgent ON reviews ((coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00')), number);

CREATE TABLE review_replies (
    number     text COLLATE "C" NOT NULL REFERENCES reviews,
    reply      integer NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    kind       smallint NOT NULL,
    result     smallint NOT NULL DEFAULT 0,
    unit       text COLLATE "C" NOT NULL,
    drafted_by text COLLATE "C" NOT NULL,
    drafted_at timestamptz NOT NULL,
    served_by  text COLLATE "C" NOT NULL DEFAULT '',
    served_at  timestamptz,
    medium     smallint NOT NULL DEFAULT 0,
    sealed     bytea NOT NULL,
    PRIMARY KEY (number, reply)
);
COMMENT ON TABLE review_replies IS 'What units say in writing: answers, decisions, the final notice; the text sealed.';

CREATE TABLE review_appeals (
    number      text COLLATE "C" NOT NULL REFERENCES reviews,
    appeal      integer NOT NULL,
    reply       integer NOT NULL,
    asked_by    smallint NOT NULL,
    recorded_by text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    posted_at   timestamptz,
    refusal     smallint NOT NULL DEFAULT 0,
    unit        text COLLATE "C" NOT NULL DEFAULT '',
    due_at      timestamptz,
    sealed      bytea NOT NULL,
    PRIMARY KEY (number, appeal)
);
COMMENT ON TABLE review_appeals IS 'What the person asked for, late ones too; the reasons sealed.';

CREATE TABLE review_hearings (
    number   text COLLATE "C" NOT NULL REFERENCES reviews,
    hearing  integer NOT NULL,
    appeal   integer NOT NULL,
    notice   text NOT NULL,
    record   text NOT NULL DEFAULT '',
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (number, hearing)
);
COMMENT ON TABLE review_hearings IS 'Hearings of a review: their time is not counted where the rule says so.';
"""

MEETINGS = """
CREATE TABLE meeting_series (
    number   text COLLATE "C" PRIMARY KEY REFERENCES files,
    version  integer NOT NULL DEFAULT 1,
    unit     text COLLATE "C" NOT NULL,
    rule     text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz
);
COMMENT ON TABLE meeting_series IS 'Series of dispatch meetings; a unit has one at a time.';
CREATE UNIQUE INDEX meeting_series_unit ON meeting_series (unit) WHERE ended_at IS NULL;

CREATE TABLE meetings (
    number         text COLLATE "C" PRIMARY KEY REFERENCES files,
    version        integer NOT NULL DEFAULT 1,
    state          smallint NOT NULL,
    series         text COLLATE "C" NOT NULL REFERENCES meeting_series,
    period         text COLLATE "C" NOT NULL,
    unit           text COLLATE "C" NOT NULL,
    rule_version   text NOT NULL,
    agenda_items   integer NOT NULL DEFAULT 0,
    attendees      text[] NOT NULL DEFAULT '{}',
    prepared_at    timestamptz NOT NULL,
    held_at        timestamptz,
    minutes_due_at timestamptz,
    minutes_at     timestamptz,
    minutes_sealed bytea,
    closed_at      timestamptz
);
COMMENT ON TABLE meetings IS 'Dispatch meetings: a period of a series has one, whoever prepared it and how often.';
CREATE UNIQUE INDEX meetings_period ON meetings (series, period);
CREATE INDEX meetings_newest ON meetings (prepared_at DESC, number DESC);

CREATE TABLE agenda_items (
    number  text COLLATE "C" NOT NULL REFERENCES meetings,
    item    integer NOT NULL,
    subject text COLLATE "C" NOT NULL,
    unit    text COLLATE "C" NOT NULL,
    reasons smallint[] NOT NULL,
    due_on  date,
    PRIMARY KEY (number, item)
);
COMMENT ON TABLE agenda_items IS 'What a meeting was to look at, as the ledger stood when it was prepared.';
CREATE INDEX matters_agenda ON matters (keeper) WHERE struck_off_at IS NULL;

CREATE TABLE meeting_decisions (
    number      text COLLATE "C" NOT NULL REFERENCES meetings,
    decision    integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    state       smallint NOT NULL,
    item        integer NOT NULL DEFAULT 0,
    meeting_unit text COLLATE "C" NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    verifier    text COLLATE "C" NOT NULL,
    due_at      timestamptz NOT NULL,
    returned    integer NOT NULL DEFAULT 0,
    decided_at  timestamptz NOT NULL,
    reported_at timestamptz,
    reported_by text COLLATE "C" NOT NULL DEFAULT '',
    evidence    text NOT NULL DEFAULT '',
    done_at     timestamptz,
    sealed      bytea NOT NULL,
    PRIMARY KEY (number, decision)
);
COMMENT ON TABLE meeting_decisions IS 'What meetings decided: one unit does it by a day, another one verifies it.';
CREATE INDEX meeting_decisions_due ON meeting_decisions (due_at, number, decision);
CREATE INDEX meeting_decisions_open ON meeting_decisions (meeting_unit) WHERE done_at IS NULL;

CREATE TABLE schedules (
    schedule text COLLATE "C" PRIMARY KEY,
    began_at timestamptz NOT NULL
);
COMMENT ON TABLE schedules IS 'What comes round again without a series of its own, and since when.';

CREATE TABLE schedule_runs (
    schedule text COLLATE "C" NOT NULL,
    period   text COLLATE "C" NOT NULL,
    done_at  timestamptz NOT NULL,
    PRIMARY KEY (schedule, period)
);
COMMENT ON TABLE schedule_runs IS 'Which times were done: each once, whatever failed in between.';
"""


def upgrade() -> None:
    run_script(REVIEWS)
    run_script(MEETINGS)
