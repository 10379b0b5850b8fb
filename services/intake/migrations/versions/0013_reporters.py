"""What reporters do by their receipt: withdrawals, additions, reviews of refusals, wrong second factors."""

from services.kit.storage.migration import run_script

revision = "0013"
down_revision = "0012"

REPORTERS = """
ALTER TABLE reports ADD COLUMN withdrawn_at timestamptz;
CREATE TABLE additions (
    number   text COLLATE "C" NOT NULL REFERENCES reports (number),
    addition integer NOT NULL,
    sealed   bytea NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (number, addition)
);
COMMENT ON TABLE additions IS 'Words that a reporter added, sealed under the data key of the report.';
CREATE TABLE decline_reviews (
    number       text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    declined_by  text NOT NULL,
    sealed       bytea,
    requested_at timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text NOT NULL DEFAULT '',
    upheld       boolean NOT NULL DEFAULT false,
    reason       text NOT NULL DEFAULT ''
);
COMMENT ON TABLE decline_reviews IS 'Refusals that their reporters asked to look at again.';
CREATE TABLE receipt_tries (
    number text COLLATE "C" PRIMARY KEY REFERENCES reports (number),
    failed smallint NOT NULL,
    until  timestamptz
);
COMMENT ON TABLE receipt_tries IS 'Wrong answers to the second factor of a receipt, and until when it is closed.';
"""


def upgrade() -> None:
    run_script(REPORTERS)
