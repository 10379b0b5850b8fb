"""Events say whether a person waits for what follows from them."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import LANES

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column."""
    run_script(LANES)
