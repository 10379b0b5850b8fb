"""By when cases are to be closed, as mediation reports it."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import EXPECTED

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_script(EXPECTED)
