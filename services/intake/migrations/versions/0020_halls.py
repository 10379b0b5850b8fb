"""Halls: windows, who is posted there, the queue."""

from services.kit.storage.migration import run_script

revision = "0020"
down_revision = "0019"

HALLS = """
CREATE TABLE halls (
    unit       text COLLATE "C" PRIMARY KEY,
    version    integer NOT NULL DEFAULT 1,
    settings   jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE halls IS 'Windows, queues, hours and postings of the hall of each unit.';
COMMENT ON COLUMN halls.settings IS 'As accord.intake.v1.Hall is written in JSON.';
CREATE TABLE hall_duties (
    unit    text COLLATE "C" NOT NULL REFERENCES halls (unit),
    posting integer NOT NULL,
    day     date NOT NULL,
    officer text COLLATE "C" NOT NULL,
    PRIMARY KEY (unit, posting, day)
);
COMMENT ON TABLE hall_duties IS 'Accounts on duty; emptied when the day is over: no record of who sat where.';
CREATE INDEX hall_duties_day ON hall_duties (unit, day);
CREATE TABLE hall_tickets (
    unit      text COLLATE "C" NOT NULL REFERENCES halls (unit),
    day       date NOT NULL,
    letter    text COLLATE "C" NOT NULL,
    ticket_no integer NOT NULL,
    version   integer NOT NULL DEFAULT 1,
    drawn_no  integer NOT NULL,
    queue     text COLLATE "C" NOT NULL,
    state     smallint NOT NULL,
    manner    smallint NOT NULL,
    window_no integer NOT NULL DEFAULT 0,
    calls     integer NOT NULL DEFAULT 0,
    drawn_at  timestamptz NOT NULL,
    called_at timestamptz,
    report    text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (unit, day, letter, ticket_no)
);
COMMENT ON TABLE hall_tickets IS 'Places in queues: no name, no account, neither of who drew nor of who called.';
COMMENT ON COLUMN hall_tickets.drawn_no IS 'Counts all tickets of the hall on that day: two may have one time.';
COMMENT ON COLUMN hall_tickets.queue IS 'Where it waits: another than its letter once it was moved.';
CREATE UNIQUE INDEX hall_tickets_drawn ON hall_tickets (unit, day, drawn_no);
"""


def upgrade() -> None:
    run_script(HALLS)
