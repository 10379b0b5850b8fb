"""The tables every service has: events with their feed and seals, idempotent requests, consumers, clocks."""

from __future__ import annotations

SEALED_TABLES = ("events", "feed", "seals")
"""Tables nothing may change or delete from; triggers refuse it even to their owner."""

CONSUMER_OWNERS = """
ALTER TABLE consumers ADD COLUMN owner text NOT NULL DEFAULT '';
COMMENT ON COLUMN consumers.owner IS 'Who alone says how far it has come; empty for machine clients.';
"""
"""A consumer belongs to whoever acknowledged first under its name."""

FIRST = """
CREATE TABLE events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number       text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL,
    kind         text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    payload      jsonb NOT NULL,
    content      bytea NOT NULL,
    hash         bytea NOT NULL,
    wakes        boolean NOT NULL,
    trace_parent text NOT NULL DEFAULT '',
    xid          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    UNIQUE (number, seq)
);
COMMENT ON TABLE events IS 'History, audit chain and outbox in one: what happened to each case.';
CREATE INDEX events_xid ON events (xid);

CREATE TABLE feed (
    position bigint PRIMARY KEY,
    event_id bigint NOT NULL UNIQUE
);
COMMENT ON TABLE feed IS 'Commit order of the events: positions from 1 without gaps, given after commit.';

CREATE TABLE seals (
    last_position bigint PRIMARY KEY,
    count         bigint NOT NULL,
    hash          bytea NOT NULL,
    sealed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE seals IS 'Chain over the feed: each seal hashes the one before and the events it covers.';

CREATE TABLE feed_head (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    snapshot pg_snapshot NOT NULL,
    hash     bytea NOT NULL,
    cluster  text NOT NULL
);
INSERT INTO feed_head (position, snapshot, hash, cluster)
    SELECT 0, '1:1:'::pg_snapshot, decode(repeat('00', 32), 'hex'), system_identifier::text FROM pg_control_system();

CREATE TABLE consumers (
    name            text PRIMARY KEY,
    position        bigint NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE requests (
    caller     text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    body_hash  bytea NOT NULL,
    answer     bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, request_id)
);
COMMENT ON TABLE requests IS 'First answer of every command by caller and request id; holds no personal data.';

CREATE TABLE clocks (
    id           text COLLATE "C" PRIMARY KEY,
    number       text COLLATE "C" NOT NULL,
    subject      text NOT NULL,
    rule         text NOT NULL,
    rule_version text NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    state        smallint NOT NULL,
    started_at   timestamptz NOT NULL,
    remind_at    timestamptz,
    due_at       timestamptz NOT NULL,
    stopped_at   timestamptz,
    reminded_at  timestamptz,
    overdue_at   timestamptz
);
COMMENT ON COLUMN clocks.reminded_at IS 'When the reminder was fired: the claim that it fires once.';
COMMENT ON COLUMN clocks.overdue_at IS 'When the overdue rung was fired: the claim that it fires once.';
CREATE INDEX clocks_case ON clocks (number);
CREATE INDEX clocks_due ON clocks (due_at, id) WHERE state = 1;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: history is never changed', TG_OP, TG_TABLE_NAME USING ERRCODE = 'AC001';
END $$;
"""

REFUSE = """
CREATE TRIGGER {table}_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def first_layer() -> str:
    """Return the DDL of the first layer, to run with the service's schema in front of the search path."""
    return FIRST + "".join(REFUSE.format(table=table) for table in SEALED_TABLES)


MASTER_KEY = """
CREATE TABLE master_key (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    fingerprint text NOT NULL,
    kept_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE master_key IS 'By what the key that wraps all data keys is known again; a service with another stops.';
"""

MAINTENANCE = """
CREATE TABLE maintenance (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    zh       text NOT NULL,
    en       text NOT NULL,
    until    timestamptz NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE maintenance IS 'While there is a row, writes are refused with its words; administrators write it.';
"""

WRAPPING_KEYS = """
ALTER TABLE master_key ADD COLUMN wrapping text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN master_key.wrapping IS 'The keys that wrap data keys, once there is a second; else the first alone.';
"""

LANES = """
ALTER TABLE events ADD COLUMN bulk boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN events.bulk IS 'Came with many others or from a machine: what a person did is followed up first.';
"""
