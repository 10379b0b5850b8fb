"""The cases on a side of which an account ever stood are found by the account: there no office of it counts."""

from services.kit.storage.migration import run_script

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    run_script("CREATE INDEX sides_kept_subject ON sides_kept (subject);")
