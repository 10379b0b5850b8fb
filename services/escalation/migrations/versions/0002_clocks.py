"""Second layer: clocks as a budget and a ledger, pinned rules, applied calendars."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.clock_tables import second_layer

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(second_layer())
