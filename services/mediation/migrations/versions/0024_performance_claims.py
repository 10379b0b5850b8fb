"""What debtors claim to have performed."""

from services.kit.storage.migration import run_script

revision = "0024"
down_revision = "0023"

CLAIMS = """
CREATE TABLE performance_claims (
    number       text COLLATE "C" NOT NULL,
    agreement    integer NOT NULL,
    clause       integer NOT NULL,
    instalment   integer NOT NULL,
    claim        integer NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    evidence     integer NOT NULL,
    amount       bigint NOT NULL,
    complete     boolean NOT NULL,
    performed_on date NOT NULL,
    state        smallint NOT NULL,
    claimed_at   timestamptz NOT NULL,
    claimed_by   text NOT NULL,
    answered_at  timestamptz,
    answered_by  text NOT NULL DEFAULT '',
    PRIMARY KEY (number, agreement, clause, instalment, claim),
    FOREIGN KEY (number, agreement, clause, instalment) REFERENCES instalments (number, agreement, clause, instalment),
    FOREIGN KEY (number, evidence) REFERENCES evidence (number, evidence)
);
COMMENT ON TABLE performance_claims IS 'That a debtor claims to have performed a part, with its proof.';
"""


def upgrade() -> None:
    run_script(CLAIMS)
