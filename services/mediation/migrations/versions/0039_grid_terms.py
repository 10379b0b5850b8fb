"""Until when each grid worker serves, as the roster told it."""

from services.kit.storage.grid_terms import TABLE
from services.kit.storage.migration import run_script

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    run_script(TABLE)
