"""Supervision letters: what stands in the open, what is sealed, who may read, what a rule has drafted."""

from services.kit.storage.migration import run_script

revision = "0005"
down_revision = "0004"

LETTERS = """
CREATE TABLE letters (
    number          text COLLATE "C" PRIMARY KEY REFERENCES files,
    version         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    kind            smallint NOT NULL,
    issuer          text COLLATE "C" NOT NULL,
    unit            text COLLATE "C" NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    copies          text[] NOT NULL DEFAULT '{}',
    interview_on    date,
    due_on          date,
    rule            text NOT NULL DEFAULT '',
    proposed        bytea,
    drafters        text[] NOT NULL DEFAULT '{}',
    document_number text NOT NULL DEFAULT '',
    approver        text NOT NULL DEFAULT '',
    office          smallint NOT NULL DEFAULT 0,
    manner          smallint NOT NULL DEFAULT 0,
    heard           boolean NOT NULL DEFAULT false,
    deemed          boolean NOT NULL DEFAULT false,
    held_on         date,
    evidence        text NOT NULL DEFAULT '',
    replied_by      text NOT NULL DEFAULT '',
    objection       smallint NOT NULL DEFAULT 0,
    failure         smallint NOT NULL DEFAULT 0,
    previous        text COLLATE "C" NOT NULL DEFAULT '',
    next            text COLLATE "C" NOT NULL DEFAULT '',
    transferred_to  text COLLATE "C" NOT NULL DEFAULT '',
    drafted_at      timestamptz NOT NULL,
    approved_at     timestamptz,
    served_at       timestamptz,
    received_at     timestamptz,
    reply_due_at    timestamptz,
    object_due_at   timestamptz,
    replied_at      timestamptz,
    ended_at        timestamptz,
    CONSTRAINT letters_signed CHECK (
        approved_at IS NULL OR (approver <> '' AND cardinality(drafters) > 0 AND approver <> ALL (drafters))
    ),
    CONSTRAINT letters_served_once_signed CHECK (served_at IS NULL OR approved_at IS NOT NULL),
    CONSTRAINT letters_circular_heard CHECK (kind <> 3 OR approved_at IS NULL OR heard)
);
COMMENT ON TABLE letters IS 'Supervision letters without their words: none signed by a drafter, none served unsigned.';
COMMENT ON COLUMN letters.proposed IS 'What a rule proposed: words of the rule, until a person takes the draft up.';
CREATE INDEX letters_oldest ON letters (drafted_at, number);
CREATE INDEX letters_drafts ON letters (drafted_at, number) WHERE state = 1;
CREATE INDEX letters_ladder ON letters (unit, subject, kind);
CREATE UNIQUE INDEX letters_number ON letters (document_number) WHERE document_number <> '';

CREATE TABLE letter_readers (
    number text COLLATE "C" NOT NULL REFERENCES letters,
    unit   text COLLATE "C" NOT NULL,
    PRIMARY KEY (number, unit)
);
COMMENT ON TABLE letter_readers IS 'Units a letter is shown to: its issuer, and those it was served on.';
CREATE INDEX letter_readers_unit ON letter_readers (unit, number);

CREATE TABLE letter_texts (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text COLLATE "C" NOT NULL REFERENCES letters,
    part   smallint NOT NULL,
    sealed bytea NOT NULL,
    at     timestamptz NOT NULL,
    by     text NOT NULL
);
COMMENT ON TABLE letter_texts IS 'What is written in and around a letter, sealed; the latest of a part counts.';
CREATE INDEX letter_texts_part ON letter_texts (number, part, id);

CREATE TABLE letter_rule_drafts (
    unit    text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    kind    smallint NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (unit, subject, kind)
);
COMMENT ON TABLE letter_rule_drafts IS 'What a rule has drafted: once a unit, matter and kind, whatever came of it.';
"""


def upgrade() -> None:
    run_script(LETTERS)
