"""Documents: what is filed of a case, each version sealed; the number of its dossier."""

from services.kit.storage.migration import run_script
from services.kit.storage.tables.ledger_tables import REFUSE

revision = "0006"
down_revision = "0005"

DOCUMENTS = """
CREATE TABLE dossiers (
    number          text COLLATE "C" PRIMARY KEY REFERENCES cases,
    unit            text COLLATE "C" NOT NULL,
    document_number text NOT NULL,
    given_at        timestamptz NOT NULL,
    UNIQUE (unit, document_number)
);
COMMENT ON TABLE dossiers IS 'The number a case''s dossier and agreement carry; given with the first document.';

CREATE TABLE documents (
    number          text COLLATE "C" NOT NULL REFERENCES cases,
    document        integer NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    form            smallint NOT NULL,
    subject         integer NOT NULL,
    scanned         boolean NOT NULL,
    document_number text NOT NULL,
    language        text NOT NULL,
    pages           integer NOT NULL,
    size            integer NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    updated_by      text NOT NULL,
    PRIMARY KEY (number, document)
);
COMMENT ON COLUMN documents.subject IS 'Number of what it is about within the case; 0 for the case as a whole.';
CREATE UNIQUE INDEX documents_one_a_subject ON documents (number, form, subject) WHERE NOT scanned;

CREATE TABLE document_versions (
    number      text COLLATE "C" NOT NULL,
    document    integer NOT NULL,
    version     integer NOT NULL,
    sealed      bytea NOT NULL,
    stored_hash bytea NOT NULL,
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL,
    PRIMARY KEY (number, document, version),
    FOREIGN KEY (number, document) REFERENCES documents
);
COMMENT ON TABLE document_versions IS 'Every version as it was made; unreadable once the data key of its case is gone.';
COMMENT ON COLUMN document_versions.stored_hash IS 'SHA-256 of the sealed bytes; also in the case''s history.';
"""


def upgrade() -> None:
    run_script(DOCUMENTS + REFUSE.format(table="document_versions"))
