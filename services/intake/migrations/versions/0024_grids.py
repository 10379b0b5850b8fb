"""Grids below the village, the roster of grid workers, and what they reported."""

from services.kit.storage.migration import run_script

revision = "0024"
down_revision = "0023"

GRIDS = """
CREATE TABLE grids (
    grid         text COLLATE "C" PRIMARY KEY,
    unit         text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    created_at   timestamptz NOT NULL,
    closed_at    timestamptz
);
COMMENT ON TABLE grids IS 'Grids below the village: the code begins with that of the village.';
CREATE TABLE grid_workers (
    unit      text COLLATE "C" NOT NULL,
    worker_no integer NOT NULL,
    version   integer NOT NULL DEFAULT 1,
    account   text COLLATE "C" NOT NULL,
    grids     text[] COLLATE "C" NOT NULL,
    first_on  date NOT NULL,
    last_on   date NOT NULL,
    PRIMARY KEY (unit, worker_no),
    CHECK (first_on <= last_on)
);
COMMENT ON TABLE grid_workers IS 'Account, grids and term, nothing else: no points, no tracks.';
CREATE INDEX grid_workers_account ON grid_workers (account);
CREATE TABLE grid_trainings (
    unit      text COLLATE "C" NOT NULL,
    worker_no integer NOT NULL,
    training  integer NOT NULL,
    title     text NOT NULL,
    held_on   date NOT NULL,
    PRIMARY KEY (unit, worker_no, training)
);
CREATE TABLE grid_reports (
    number      text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    filed_by    text COLLATE "C" NOT NULL,
    grid        text COLLATE "C" NOT NULL,
    observed_at timestamptz,
    received_at timestamptz NOT NULL
);
COMMENT ON TABLE grid_reports IS 'Grid and time of observation of reports, and which grid worker filed them.';
COMMENT ON COLUMN grid_reports.filed_by IS 'Account of the grid worker; empty if another filed it.';
CREATE INDEX grid_reports_own ON grid_reports (filed_by, received_at DESC, number DESC) WHERE filed_by <> '';
"""


def upgrade() -> None:
    run_script(GRIDS)
