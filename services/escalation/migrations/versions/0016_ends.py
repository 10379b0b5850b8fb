"""Sixteenth layer: whether the case a matter belongs to is closed, as its owner told it last."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import CLOSED

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script(CLOSED)
