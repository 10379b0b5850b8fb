"""Letters by which partners hand matters over to mediation."""

from services.kit.storage.migration import run_script

revision = "0035"
down_revision = "0034"

HAND_OVERS = """
CREATE TABLE hand_overs (
    report      text COLLATE "C" PRIMARY KEY,
    partner     text COLLATE "C" NOT NULL,
    letter      text COLLATE "C" NOT NULL,
    procedure   smallint NOT NULL DEFAULT 0,
    nature      smallint NOT NULL DEFAULT 0,
    decided     boolean,
    petition_at timestamptz,
    UNIQUE (partner, letter)
);
COMMENT ON TABLE hand_overs IS 'By which letters, and on what terms, partners handed reports over to mediation.';
"""


def upgrade() -> None:
    run_script(HAND_OVERS)
