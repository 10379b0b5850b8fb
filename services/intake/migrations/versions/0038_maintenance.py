"""What is said while the service is in maintenance."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import MAINTENANCE

revision = "0038"
down_revision = "0037"

OLDER_PROGRAM_WORKS = True


def upgrade() -> None:
    """Create the table."""
    run_script(MAINTENANCE)
