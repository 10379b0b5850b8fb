"""Who stands on a side of a case, as its owner told it: there no office of theirs counts."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import SIDED

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_script(SIDED)
