"""Whose a case is, as its owner told it last; whose a consumer of the feed is."""

from services.kit.storage.migration import run_script
from services.kit.storage.standings import TABLE
from services.kit.storage.tables.ledger_tables import CONSUMER_OWNERS

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script(TABLE + CONSUMER_OWNERS)
