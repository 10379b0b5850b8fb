"""First layer: escalations of cases."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import first_layer

revision = "0001"
down_revision = None

ESCALATIONS = """
CREATE TABLE matters (
    number text COLLATE "C" PRIMARY KEY,
    seq    bigint NOT NULL DEFAULT 0,
    head   bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    last   integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE matters IS 'One row a case that was ever escalated: head of its chain, last number given.';

CREATE TABLE escalations (
    number          text COLLATE "C" NOT NULL REFERENCES matters,
    escalation      integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    mode            smallint NOT NULL,
    from_unit       text COLLATE "C" NOT NULL,
    to_unit         text COLLATE "C" NOT NULL,
    reason          text NOT NULL,
    subject         text NOT NULL,
    created_at      timestamptz NOT NULL,
    acknowledged_at timestamptz,
    resolved_at     timestamptz,
    PRIMARY KEY (number, escalation)
);
CREATE INDEX escalations_newest ON escalations (created_at DESC, number DESC, escalation DESC);
"""


def upgrade() -> None:
    run_script(first_layer())
    run_script(ESCALATIONS)
