"""Notices to reporters and parties, and the proof of their delivery."""

from services.kit.storage.migration import run_script

revision = "0020"
down_revision = "0019"

NOTICES = """
CREATE TABLE notices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version      integer NOT NULL DEFAULT 1,
    source       text NOT NULL,
    number       text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL,
    rule         text NOT NULL,
    party        integer NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    category     text COLLATE "C" NOT NULL DEFAULT '',
    said         jsonb NOT NULL,
    state        smallint NOT NULL DEFAULT 1,
    channel      smallint NOT NULL DEFAULT 0,
    exhausted    smallint[] NOT NULL DEFAULT '{}',
    attempts     integer NOT NULL DEFAULT 0,
    reason       text NOT NULL DEFAULT '',
    occurred_at  timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    lease        text NOT NULL DEFAULT '',
    leased_until timestamptz,
    sent_at      timestamptz,
    served_at    timestamptz,
    updated_at   timestamptz NOT NULL,
    UNIQUE (source, number, seq, rule, party)
);
COMMENT ON TABLE notices IS 'Outbox: once for each event, rule and recipient.';
COMMENT ON COLUMN notices.party IS 'Number of the party; 0 for the reporter.';
COMMENT ON COLUMN notices.said IS 'Codes, units and times of the event that the template needs.';
COMMENT ON COLUMN notices.attempts IS 'On the channel that is tried now.';
COMMENT ON COLUMN notices.leased_until IS 'In real time: nobody else sends it until then.';
CREATE INDEX notices_due ON notices (due_at, id) WHERE state = 1;
CREATE INDEX notices_listed ON notices (unit, state, due_at, id);
CREATE INDEX notices_matter ON notices (number);

CREATE TABLE notice_deliveries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice      bigint NOT NULL REFERENCES notices,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    state       smallint NOT NULL,
    channel     smallint NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    evidence    text NOT NULL DEFAULT ''
);
COMMENT ON TABLE notice_deliveries IS 'Proof of delivery: every attempt and receipt; never changed.';
CREATE INDEX notice_deliveries_notice ON notice_deliveries (notice, id);
CREATE TRIGGER notice_deliveries_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(NOTICES)
