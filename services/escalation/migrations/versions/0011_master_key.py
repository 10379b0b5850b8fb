"""The fingerprint of the master key stands in the database."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import MASTER_KEY

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table."""
    run_script(MASTER_KEY)
