"""Bookings of rooms for something other than a session."""

from services.kit.storage.migration import run_script

revision = "0034"
down_revision = "0033"

BOOKINGS = """
CREATE TABLE room_bookings (
    room         text COLLATE "C" NOT NULL REFERENCES rooms (room),
    booking      integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    during       tstzrange NOT NULL,
    purpose      smallint NOT NULL,
    booked_at    timestamptz NOT NULL,
    cancelled_at timestamptz,
    PRIMARY KEY (room, booking),
    CONSTRAINT room_bookings_are_apart EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (cancelled_at IS NULL)
);
COMMENT ON TABLE room_bookings IS 'What rooms are taken for beside sessions: no case, no person.';
"""


def upgrade() -> None:
    run_script(BOOKINGS)
