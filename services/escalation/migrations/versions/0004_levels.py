"""Levels: ladders that escalations are pinned to, their way up and back, absences and hand-overs."""

from services.kit.storage.migration import run_script

revision = "0004"
down_revision = "0003"

LADDERS = """
CREATE TABLE ladders (
    hash      text PRIMARY KEY,
    name      text NOT NULL,
    version   text NOT NULL,
    content   jsonb NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ladders IS 'Contents of ladders that escalations are pinned to: editing a rule file moves nothing.';
CREATE TRIGGER ladders_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON ladders
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE escalations
    ADD COLUMN ladder             text REFERENCES ladders (hash),
    ADD COLUMN ladder_name        text NOT NULL DEFAULT '',
    ADD COLUMN ladder_version     text NOT NULL DEFAULT '',
    ADD COLUMN office             text NOT NULL DEFAULT '',
    ADD COLUMN origin             text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN climbed_from       integer NOT NULL DEFAULT 0,
    ADD COLUMN category           text NOT NULL DEFAULT '',
    ADD COLUMN grade              smallint NOT NULL DEFAULT 0,
    ADD COLUMN about              text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN told               text[] COLLATE "C" NOT NULL DEFAULT '{}',
    ADD COLUMN returns            integer NOT NULL DEFAULT 0,
    ADD COLUMN return_unit        text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN return_reason      text NOT NULL DEFAULT '',
    ADD COLUMN returned_at        timestamptz,
    ADD COLUMN sealed_explanation bytea,
    ADD COLUMN sealed_expectation bytea;
UPDATE escalations SET origin = from_unit;
COMMENT ON COLUMN escalations.ladder IS 'The ladder it is pinned to; none for what is older than the ladders.';
COMMENT ON COLUMN escalations.origin IS 'The unit its climb began in; its history is of that unit and those above.';
COMMENT ON COLUMN escalations.about IS 'The unit complained of; it is never told.';
"""

PEOPLE = """
CREATE TABLE absences (
    number   text COLLATE "C" PRIMARY KEY REFERENCES files,
    version  integer NOT NULL DEFAULT 1,
    unit     text COLLATE "C" NOT NULL,
    official text COLLATE "C" NOT NULL,
    cover    text COLLATE "C" NOT NULL,
    first_on date NOT NULL,
    last_on  date NOT NULL,
    ended_at timestamptz,
    CHECK (official <> cover AND first_on <= last_on)
);
COMMENT ON TABLE absences IS 'Who stands in for whom, from day to day: no reason, nothing of anybody''s health.';
CREATE INDEX absences_official ON absences (official) WHERE ended_at IS NULL;
CREATE INDEX absences_cover ON absences (cover) WHERE ended_at IS NULL;
CREATE INDEX absences_first ON absences (first_on, number) WHERE ended_at IS NULL;

CREATE TABLE handovers (
    number     text COLLATE "C" PRIMARY KEY REFERENCES files,
    version    integer NOT NULL DEFAULT 1,
    state      smallint NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    official   text COLLATE "C" NOT NULL,
    successor  text COLLATE "C" NOT NULL,
    notes      bytea,
    overdue    boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CHECK (official <> successor)
);
CREATE UNIQUE INDEX handovers_open ON handovers (unit, official) WHERE state = 1;
CREATE INDEX handovers_oldest ON handovers (created_at, number);

CREATE TABLE handover_items (
    number          text COLLATE "C" NOT NULL REFERENCES handovers,
    item            integer NOT NULL,
    file            text COLLATE "C" NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    role            text NOT NULL,
    due_on          date,
    clocks          jsonb NOT NULL DEFAULT '[]',
    acknowledged_at timestamptz,
    moved_at        timestamptz,
    PRIMARY KEY (number, item),
    UNIQUE (number, subject, role)
);
COMMENT ON COLUMN handover_items.clocks IS 'Open clocks as they stood when it was listed: [[id, rule, due], ...].';
COMMENT ON COLUMN handover_items.moved_at IS 'When the successor came to hold it; never, where it was over by then.';
"""


def upgrade() -> None:
    run_script(LADDERS)
    run_script(PEOPLE)
