"""Ninth layer: whether the case of a report is closed, as its owner told it last."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import CLOSED

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(CLOSED)
