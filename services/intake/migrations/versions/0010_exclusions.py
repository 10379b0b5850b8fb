"""Who is excluded from a case, as its owner told it."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import EXCLUSIONS

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script(EXCLUSIONS)
