"""A clue is verified anew without what was found before: that is sealed apart."""

from services.kit.storage.migration import run_script

revision = "0027"
down_revision = "0026"

EARLIER = """
ALTER TABLE clues ADD COLUMN sealed_earlier bytea;
COMMENT ON COLUMN clues.sealed_earlier IS 'What earlier verifications found: a later one is made without it.';
"""


def upgrade() -> None:
    run_script(EARLIER)
