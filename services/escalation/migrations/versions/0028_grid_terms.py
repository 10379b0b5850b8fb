"""Until when each grid worker serves, as the roster told it."""

from services.kit.storage.grid_terms import TABLE
from services.kit.storage.migration import run_script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_script(TABLE)
