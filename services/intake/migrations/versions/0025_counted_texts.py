"""Whether a text is counted stands apart from its signs: noting it writes their index no second time."""

from services.kit.storage.migration import run_script

revision = "0025"
down_revision = "0024"

COUNTED = """
CREATE TABLE counted_texts (
    number  text COLLATE "C" NOT NULL,
    counted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE counted_texts
    IS 'Whether a text is counted under its signs; in likenesses their index would be written again.';
INSERT INTO counted_texts (number, counted) SELECT number, counted FROM likenesses ORDER BY number;
ALTER TABLE counted_texts ADD PRIMARY KEY (number);
CREATE INDEX counted_texts_waiting ON counted_texts (number) WHERE NOT counted;
ALTER TABLE likenesses DROP COLUMN counted;
"""


def upgrade() -> None:
    run_script(COUNTED)
