"""How and when cases ended, as mediation reports it."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import ENDS

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script(ENDS)
