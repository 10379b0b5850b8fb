"""Links are read from both sides."""

from services.kit.storage.migration import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_script("CREATE INDEX links_target ON links (target);")
