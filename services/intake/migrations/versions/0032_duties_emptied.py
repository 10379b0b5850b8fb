"""Who was on duty on a past day is found by the day, to be emptied, whatever hall it was."""

from services.kit.storage.migration import run_script

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    run_script("CREATE INDEX hall_duties_named ON hall_duties (day) WHERE officer <> '';")
