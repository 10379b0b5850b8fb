"""Eighteenth layer: in which posts an erasure was requested and decided, and when each service erased."""

from services.kit.storage.migration import run_script

revision = "0018"
down_revision = "0017"

CERTIFICATES = """
ALTER TABLE erasures ADD COLUMN requested_as text NOT NULL DEFAULT '';
ALTER TABLE erasures ADD COLUMN decided_as text NOT NULL DEFAULT '';
COMMENT ON COLUMN erasures.requested_as
    IS 'Unit and roles of who requested it, at that moment: a certificate names posts.';
ALTER TABLE erasure_reach ADD COLUMN erased_at timestamptz;
"""


def upgrade() -> None:
    run_script(CERTIFICATES)
