"""Open reports are found by words of their sealed texts."""

from services.intake.search.signs.store import TABLE
from services.kit.storage.migration import run_script

revision = "0026"
down_revision = "0025"

MARK = """
INSERT INTO search_signs (number)
SELECT r.number FROM reports r
LEFT JOIN case_standings s ON s.number = coalesce(nullif(r.merged_into, ''), r.number)
WHERE r.erased_at IS NULL AND (r.state IN (1, 2, 3, 9) OR (r.state IN (4, 6) AND NOT coalesce(s.closed, false)));
"""


def upgrade() -> None:
    run_script(TABLE + MARK)
