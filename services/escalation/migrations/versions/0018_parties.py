"""Who signs in for a party of a case, as its owner told it."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import PARTIES

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_script(PARTIES)
