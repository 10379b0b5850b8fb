"""Subscriptions of other systems to events."""

from services.kit.storage.migration import run_script

revision = "0030"
down_revision = "0029"

SUBSCRIPTIONS = """
CREATE TABLE subscriptions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       integer NOT NULL DEFAULT 1,
    unit          text COLLATE "C" NOT NULL,
    url           text NOT NULL,
    types         text[] NOT NULL,
    number        text COLLATE "C" NOT NULL,
    content_mode  smallint NOT NULL,
    state         smallint NOT NULL DEFAULT 1,
    salt          bytea NOT NULL,
    old_salt      bytea,
    old_until     timestamptz,
    failures      integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    next_at       timestamptz NOT NULL,
    sent_at       timestamptz,
    reason        text NOT NULL DEFAULT '',
    lease         text NOT NULL DEFAULT '',
    leased_until  timestamptz,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL
);
COMMENT ON TABLE subscriptions IS 'Systems that events are sent to, of a unit and all below it.';
COMMENT ON COLUMN subscriptions.types IS 'Types of events; empty for all.';
COMMENT ON COLUMN subscriptions.number IS 'The one case; empty for all.';
COMMENT ON COLUMN subscriptions.salt IS 'What the secret is derived from, with a key that is not stored here.';
COMMENT ON COLUMN subscriptions.failures IS 'Rounds in a row in which nobody was reached.';
CREATE INDEX subscriptions_unit ON subscriptions (unit, id);
CREATE INDEX subscriptions_live ON subscriptions (id) WHERE state IN (1, 2);
CREATE TABLE subscription_positions (
    subscription  bigint NOT NULL REFERENCES subscriptions (id),
    service       text COLLATE "C" NOT NULL,
    position      bigint NOT NULL,
    head_position bigint NOT NULL,
    moved_at      timestamptz NOT NULL,
    PRIMARY KEY (subscription, service)
);
CREATE TABLE undelivered (
    subscription bigint NOT NULL REFERENCES subscriptions (id),
    service      text COLLATE "C" NOT NULL,
    position     bigint NOT NULL,
    number       text COLLATE "C" NOT NULL,
    kind         text NOT NULL,
    state        smallint NOT NULL DEFAULT 1,
    attempts     integer NOT NULL DEFAULT 0,
    reason       text NOT NULL,
    failed_at    timestamptz,
    next_at      timestamptz NOT NULL,
    PRIMARY KEY (subscription, service, position)
);
COMMENT ON TABLE undelivered IS 'Events that wait for another attempt, were delivered later, or are dead letters.';
COMMENT ON COLUMN undelivered.failed_at IS 'When the first attempt failed.';
CREATE INDEX undelivered_waiting ON undelivered (subscription, service, position) WHERE state = 1;
"""


def upgrade() -> None:
    run_script(SUBSCRIPTIONS)
