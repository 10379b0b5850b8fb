"""Whose a case is, as its owner told it last; whose a consumer of the feed is."""

from services.kit.storage.ledger_tables import CONSUMER_OWNERS
from services.kit.storage.migration import run_script
from services.kit.storage.standings import TABLE

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script(TABLE + CONSUMER_OWNERS)
