"""The panel of a mediation: second mediators and assessors; their signatures and attendance."""

from services.kit.storage.migration import run_script

revision = "0033"
down_revision = "0032"

PANEL = """
CREATE TABLE panel (
    number      text COLLATE "C" NOT NULL REFERENCES mediations,
    member      integer NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    role        smallint NOT NULL,
    mediator    text COLLATE "C" NOT NULL DEFAULT '',
    subject     text COLLATE "C" NOT NULL DEFAULT '',
    unit        text COLLATE "C" NOT NULL DEFAULT '',
    state       smallint NOT NULL,
    agreed      integer[] NOT NULL DEFAULT '{}',
    sealed      bytea,
    kin         boolean NOT NULL DEFAULT false,
    interest    boolean NOT NULL DEFAULT false,
    prior_role  boolean NOT NULL DEFAULT false,
    reason      smallint NOT NULL DEFAULT 0,
    added_by    text NOT NULL,
    added_at    timestamptz NOT NULL,
    accepted_at timestamptz,
    ended_at    timestamptz,
    PRIMARY KEY (number, member)
);
COMMENT ON TABLE panel IS 'Second mediators and assessors of a mediation.';
COMMENT ON COLUMN panel.mediator IS 'Entry of the register; empty for an assessor.';
COMMENT ON COLUMN panel.subject IS 'Account; empty for who only comes to sessions.';
COMMENT ON COLUMN panel.unit IS 'The unit of a second mediator.';
COMMENT ON COLUMN panel.agreed IS 'Numbers of the parties who agreed.';
COMMENT ON COLUMN panel.sealed IS 'Name and capacity of an assessor.';
CREATE UNIQUE INDEX panel_live ON panel (number, subject) WHERE subject <> '' AND state IN (1, 2, 3);
CREATE INDEX panel_of ON panel (subject, added_at) WHERE subject <> '' AND state IN (1, 2, 3);

CREATE TABLE panel_signatures (
    number    text COLLATE "C" NOT NULL,
    agreement integer NOT NULL,
    member    integer NOT NULL,
    signed_at timestamptz NOT NULL,
    signed_by text NOT NULL,
    PRIMARY KEY (number, agreement, member),
    FOREIGN KEY (number, agreement) REFERENCES agreements (number, agreement),
    FOREIGN KEY (number, member) REFERENCES panel (number, member)
);
COMMENT ON TABLE panel_signatures IS 'That a second mediator signed an agreement.';
CREATE TRIGGER panel_signatures_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON panel_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE attendances ADD COLUMN member integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN attendances.member IS
    'Number of the member of the panel; 0 for others and for the mediator of record.';
ALTER TABLE record_signatures ADD COLUMN member integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN record_signatures.member IS
    'Number of the member of the panel; 0 for others and for the mediator of record.';
ALTER TABLE record_signatures DROP CONSTRAINT record_signatures_pkey,
    ADD PRIMARY KEY (number, session, record, role, party, member, read_back);
"""


def upgrade() -> None:
    run_script(PANEL)
