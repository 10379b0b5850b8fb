"""Breaches that are withdrawn, calendars that clocks are pinned to, dates that follow their clock."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import shown, third_layer

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(third_layer() + shown("reports", key="'accept'"))
