"""Signs of texts by which likely same matters are found, and how many texts have each; the trigram sketch goes."""

from services.kit.storage.migration import run_script

revision = "0019"
down_revision = "0018"

SIGNS = """
CREATE TABLE likenesses (
    number  text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    signs   integer[],
    size    integer NOT NULL DEFAULT 0,
    counted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE likenesses IS 'Keyed signs of texts, to find likely same matters; an erasure clears them.';
COMMENT ON COLUMN likenesses.signs IS 'Sorted, each once; NULL until they are worked out from the sealed text.';
CREATE INDEX likenesses_signs ON likenesses USING gin (signs) WITH (gin_pending_list_limit = 512);
CREATE INDEX likenesses_uncounted ON likenesses (number) WHERE NOT counted;

CREATE TABLE sign_counts (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sign  integer UNIQUE,
    texts bigint NOT NULL
);
COMMENT ON TABLE sign_counts IS 'How many texts have a sign. A row without a sign: no text has it any more.';

INSERT INTO likenesses (number) SELECT number FROM reports WHERE erased_at IS NULL;
ALTER TABLE reports DROP COLUMN likeness;
"""


def upgrade() -> None:
    run_script(SIGNS)
