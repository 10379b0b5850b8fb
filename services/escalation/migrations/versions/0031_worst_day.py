"""What is said while the service is in maintenance; which keys wrap its data keys while they change."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import MAINTENANCE, WRAPPING_KEYS

revision = "0031"
down_revision = "0030"

OLDER_PROGRAM_WORKS = True


def upgrade() -> None:
    """Create the table and the column."""
    run_script(MAINTENANCE + WRAPPING_KEYS)
