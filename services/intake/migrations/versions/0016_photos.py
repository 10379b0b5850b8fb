"""Photos of reports."""

from services.kit.storage.migration import run_script

revision = "0016"
down_revision = "0015"

PHOTOS = """
CREATE TABLE photos (
    number    text COLLATE "C" NOT NULL REFERENCES reports (number),
    photo     integer NOT NULL,
    width     integer NOT NULL,
    height    integer NOT NULL,
    size      integer NOT NULL,
    sealed    bytea NOT NULL,
    thumbnail bytea NOT NULL,
    added_at  timestamptz NOT NULL,
    PRIMARY KEY (number, photo)
);
COMMENT ON TABLE photos IS 'Photos of reports and their thumbnails, sealed under the data key of the report.';
"""


def upgrade() -> None:
    run_script(PHOTOS)
