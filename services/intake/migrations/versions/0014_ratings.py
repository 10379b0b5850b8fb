"""How content reporters are with how their matter was handled."""

from services.kit.storage.migration import run_script

revision = "0014"
down_revision = "0013"

RATINGS = """
CREATE TABLE ratings (
    number      text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    contentment smallint NOT NULL,
    sealed      bytea,
    rated_at    timestamptz NOT NULL
);
COMMENT ON TABLE ratings IS 'How content reporters are; the words are sealed under the data key of the report.';
"""


def upgrade() -> None:
    run_script(RATINGS)
