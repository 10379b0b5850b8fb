"""Nineteenth layer: in which post, and by which grant, somebody looked."""

from services.kit.storage.access_log import POSTS
from services.kit.storage.migration import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_script(POSTS)
