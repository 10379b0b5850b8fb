"""Fourteenth layer: until when a party is a minor, which side an account keeps, to whom something was confided."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0014"
down_revision = "0013"

SIDES = """
ALTER TABLE parties ADD COLUMN minor_until date;
COMMENT ON COLUMN parties.minor_until IS
    'Of who was a minor when the matter came: the first day of age. A yes of an earlier day counts beside a guardian.';
ALTER TABLE parties ADD COLUMN confided boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN parties.confided IS
    'Whether the mediator of record bound the account: to one bound at the counter the compartment stays shut.';

CREATE TABLE sides_kept (
    number      text COLLATE "C" NOT NULL REFERENCES cases,
    subject     text NOT NULL,
    side        smallint NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (number, subject)
);
COMMENT ON TABLE sides_kept IS 'The one side of a case on which an account ever stood; never changed, never deleted.';
INSERT INTO sides_kept
    SELECT DISTINCT ON (number, subject) number, subject, side, joined_at
    FROM parties WHERE subject <> '' ORDER BY number, subject, party;

ALTER TABLE caucus_notes ADD COLUMN mediator text NOT NULL DEFAULT '';
ALTER TABLE caucus_offers ADD COLUMN mediator text NOT NULL DEFAULT '';
COMMENT ON COLUMN caucus_notes.mediator IS 'The mediator of record it was said to; empty where there was none.';
ALTER TABLE caucus_notes DISABLE TRIGGER USER;
ALTER TABLE caucus_offers DISABLE TRIGGER USER;
UPDATE caucus_notes n SET mediator = m.mediator FROM mediations m WHERE m.number = n.number;
UPDATE caucus_offers o SET mediator = m.mediator FROM mediations m WHERE m.number = o.number;
ALTER TABLE caucus_notes ENABLE TRIGGER USER;
ALTER TABLE caucus_offers ENABLE TRIGGER USER;
"""


def upgrade() -> None:
    run_script(SIDES + REFUSE.format(table="sides_kept"))
