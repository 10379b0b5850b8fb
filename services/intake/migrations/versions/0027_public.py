"""By when cases are to be closed, as mediation reports it; what became of reports is found by its time."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import EXPECTED

revision = "0027"
down_revision = "0026"

DECIDED = "CREATE INDEX reports_decided ON reports (decided_at) WHERE decided_at IS NOT NULL;"


def upgrade() -> None:
    run_script(EXPECTED)
    run_script(DECIDED)
