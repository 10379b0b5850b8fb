"""One escalation a matter and level: what is missed besides is added to it as a reason."""

from services.kit.storage.migration import run_script

revision = "0013"
down_revision = "0012"

REASONS = """
CREATE TABLE escalation_reasons (
    number     text COLLATE "C" NOT NULL,
    escalation integer NOT NULL,
    reason     text NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    from_unit  text COLLATE "C" NOT NULL,
    added_at   timestamptz NOT NULL,
    breach     text NOT NULL,
    withdrawn_at timestamptz
);
COMMENT ON COLUMN escalation_reasons.withdrawn_at IS 'When the missed deadline turned out to be none.';
COMMENT ON TABLE escalation_reasons IS 'What else was let lie in a matter while an escalation of it was open.';
CREATE INDEX escalation_reasons_of ON escalation_reasons (number, escalation, added_at);
"""


def upgrade() -> None:
    """Create the table."""
    run_script(REASONS)
