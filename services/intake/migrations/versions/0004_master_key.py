"""The fingerprint of the master key stands in the database."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import MASTER_KEY

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    run_script(MASTER_KEY)
