"""The second layer of every service's tables: clocks, their ledgers and rungs, pinned rules, applied calendars."""

from __future__ import annotations

_SECOND = ("clock_entries", "clock_rungs", "clock_rules", "calendar_layers")
_THIRD = ("clock_withdrawals", "clock_calendars")
CLOCK_TABLES = _SECOND + _THIRD
"""Tables nothing may change or delete from; triggers refuse it even to their owner."""

_TABLES = """
CREATE TABLE clock_rules (
    hash    text PRIMARY KEY,
    name    text NOT NULL,
    version text NOT NULL,
    content jsonb NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE clock_rules IS 'Whole contents of rules that clocks are pinned to: editing a rule file moves nothing.';

CREATE TABLE clock_entries (
    clock       text COLLATE "C" NOT NULL,
    seq         integer NOT NULL,
    kind        text NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor       text NOT NULL,
    data        jsonb NOT NULL,
    PRIMARY KEY (clock, seq)
);
COMMENT ON TABLE clock_entries IS 'The ledger of each clock: nothing else moves a date.';

CREATE TABLE clock_rungs (
    clock       text COLLATE "C" NOT NULL,
    rung        text NOT NULL,
    number      text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    consequence text NOT NULL,
    due_at      timestamptz NOT NULL,
    fired_at    timestamptz NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    PRIMARY KEY (clock, rung)
);
COMMENT ON TABLE clock_rungs IS 'The claim that a rung fires once.';
CREATE INDEX clock_rungs_case ON clock_rungs (number) WHERE consequence = 'escalate';

CREATE TABLE calendar_layers (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     text NOT NULL UNIQUE,
    content    jsonb NOT NULL,
    actor      text NOT NULL,
    reason     text NOT NULL,
    applied_at timestamptz NOT NULL
);
COMMENT ON TABLE calendar_layers IS 'Calendars applied while the service ran, over those of its rule files.';

ALTER TABLE clocks
    ADD COLUMN rule_hash  text NOT NULL DEFAULT '',
    ADD COLUMN region     text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN calendar   text NOT NULL DEFAULT '',
    ADD COLUMN raw_due_at timestamptz,
    ADD COLUMN provisional boolean NOT NULL DEFAULT false,
    ADD COLUMN rungs      jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN next_at    timestamptz,
    ADD COLUMN generation integer NOT NULL DEFAULT 1,
    ADD COLUMN entries    integer NOT NULL DEFAULT 1,
    ALTER COLUMN due_at DROP NOT NULL;
COMMENT ON COLUMN clocks.rungs IS '[[key, instant, kind, consequence], ...] in order of time, as last projected.';
COMMENT ON COLUMN clocks.next_at IS 'Earliest rung that has not fired; of a stopped clock, as it was when it stopped.';
"""

# Clocks of the first layer knew a reminder and an end, counted by rules that are gone. They become clocks with a
# promised end: what was due stays due, what fired stays fired, and a reminder that had not fired is dropped.
_CARRY_OVER = """
INSERT INTO clock_rules (hash, name, version, content)
SELECT DISTINCT 'first-' || md5(rule || '/' || rule_version), rule, rule_version, jsonb_build_object(
    'name', rule, 'version', rule_version, 'zh', rule, 'en', rule, 'n', 1, 'unit', 'calendar', 'include_start', false,
    'roll', 'none', 'cutoff', null, 'hour_start', 'moment', 'trigger', 'case_accepted', 'for_whom', 'duty',
    'remind_on', 'due', 'basis', 'first layer', 'confidence', 'house default', 'to_be_confirmed', false,
    'jurisdiction', 'cn', 'valid_from', null, 'valid_to', null, 'backdate_days', 0, 'pauses', '[]'::jsonb,
    'extensions', '[]'::jsonb, 'warnings', '[]'::jsonb, 'note', '',
    'overdue', '[{"amount": 0, "unit": "hour", "consequence": "escalate"}]'::jsonb)
FROM clocks;
INSERT INTO clock_entries (clock, seq, kind, at, recorded_at, actor, data)
SELECT id, 1, 'started', started_at, started_at, 'migration', jsonb_build_object('until', due_at) FROM clocks;
INSERT INTO clock_entries (clock, seq, kind, at, recorded_at, actor, data)
SELECT id, 2, CASE state WHEN 2 THEN 'met' ELSE 'cancelled' END, stopped_at, stopped_at, 'migration', '{}'
FROM clocks WHERE state <> 1;
INSERT INTO clock_rungs (clock, rung, number, kind, consequence, due_at, fired_at, unit)
SELECT id, 'overdue', number, 'overdue', 'escalate', due_at + interval '1 second', overdue_at, unit
FROM clocks WHERE overdue_at IS NOT NULL;
UPDATE clocks SET
    rule_hash = 'first-' || md5(rule || '/' || rule_version), raw_due_at = due_at,
    entries = CASE state WHEN 1 THEN 1 ELSE 2 END,
    rungs = CASE WHEN stopped_at <= due_at THEN '[]'::jsonb ELSE jsonb_build_array(
        jsonb_build_array('overdue', due_at + interval '1 second', 'overdue', 'escalate')) END,
    next_at = CASE WHEN overdue_at IS NULL AND (stopped_at IS NULL OR stopped_at > due_at)
        THEN due_at + interval '1 second' END;
"""

_AFTER = """
ALTER TABLE clocks DROP COLUMN remind_at, DROP COLUMN reminded_at, DROP COLUMN overdue_at,
    ALTER COLUMN rule_hash DROP DEFAULT, ALTER COLUMN rungs DROP DEFAULT, ALTER COLUMN calendar DROP DEFAULT,
    ALTER COLUMN region DROP DEFAULT;
DROP INDEX clocks_due;
CREATE INDEX clocks_due ON clocks (coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00'), id);
CREATE INDEX clocks_next ON clocks (next_at, id) WHERE state IN (1, 4) AND next_at IS NOT NULL;
"""

_REFUSE = """
CREATE TRIGGER {table}_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def second_layer() -> str:
    """Return the DDL of the second layer, to run with the service's schema in front of the search path."""
    return _TABLES + _CARRY_OVER + _AFTER + "".join(_REFUSE.format(table=table) for table in _SECOND)


_LAWS = """
CREATE TABLE clock_withdrawals (
    clock        text COLLATE "C" NOT NULL,
    rung         text NOT NULL,
    seq          integer NOT NULL,
    withdrawn_at timestamptz NOT NULL,
    PRIMARY KEY (clock, rung)
);
COMMENT ON TABLE clock_withdrawals IS 'Breaches that were reported and turned out to be none, by which entry.';

CREATE TABLE clock_calendars (
    version   text PRIMARY KEY,
    content   jsonb NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE clock_calendars IS 'Whole calendars that clocks are pinned to: a list applied later moves nothing.';

CREATE FUNCTION follow_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A column that holds a day takes the local one.
    EXECUTE format(
        CASE WHEN TG_ARGV[1] LIKE '%_on' THEN 'UPDATE %I SET %I = timezone(''Asia/Shanghai'', $1)::date'
        ELSE 'UPDATE %I SET %I = $1' END || ' WHERE number = $2 AND %I = $3', TG_ARGV[0], TG_ARGV[1], TG_ARGV[2]
    ) USING NEW.due_at, NEW.number, NEW.id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION follow_clock IS 'Carries a clock''s date to a row that shows it, in the statement that moves it.';
"""


def third_layer() -> str:
    """Return the DDL of the ledgers (decision 0015): withdrawals, pinned calendars, dates that follow their clock."""
    return _LAWS + "".join(_REFUSE.format(table=table) for table in _THIRD)


def shown(table: str, due: str = "due_at", clock: str | None = None, key: str = "") -> str:
    """Return the DDL that makes a column of a table always show the date of a clock of the same number.

    `clock` is the column with the clock's id; with `key`, SQL for the clock's key, the database derives it.
    """
    column = clock or due.removesuffix("_at") + "_clock"
    derived = f"GENERATED ALWAYS AS (number || '.' || {key}) STORED" if key else "NOT NULL DEFAULT ''"
    return f"""
ALTER TABLE {table} ADD COLUMN {column} text COLLATE "C" {derived};
ALTER TABLE {table} ALTER COLUMN {due} DROP NOT NULL;
COMMENT ON COLUMN {table}.{due} IS 'The date of the clock {column}: none while that is paused without an end.';
CREATE TRIGGER {table}_{due} AFTER UPDATE OF due_at ON clocks FOR EACH ROW
    WHEN (OLD.due_at IS DISTINCT FROM NEW.due_at) EXECUTE FUNCTION follow_clock('{table}', '{due}', '{column}');
"""
