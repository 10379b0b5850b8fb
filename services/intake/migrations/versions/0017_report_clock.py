"""Which clock a report's date is that of: another one after a correction, a separation, a refusal set aside."""

from services.kit.storage.migration import run_script

revision = "0017"
down_revision = "0016"

FOLLOWS = """
ALTER TABLE reports ALTER COLUMN due_clock DROP EXPRESSION;
ALTER TABLE reports ALTER COLUMN due_clock SET DEFAULT '';
UPDATE reports SET due_clock = clocks.id, due_at = clocks.due_at
    FROM clocks
    WHERE clocks.number = reports.number AND clocks.id LIKE reports.number || '.accept%' AND clocks.state IN (1, 4)
        AND clocks.id <> reports.due_clock;
ALTER TABLE reports ALTER COLUMN due_clock SET NOT NULL;
"""


def upgrade() -> None:
    run_script(FOLLOWS)
