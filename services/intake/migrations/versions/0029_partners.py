"""What partners sent by their systems, and what they were told became of it."""

from services.kit.storage.migration import run_script

revision = "0029"
down_revision = "0028"

PARTNERS = """
CREATE TABLE partner_items (
    id           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    partner      text COLLATE "C" NOT NULL,
    number       text NOT NULL,
    body         bytea NOT NULL,
    report       text COLLATE "C" NOT NULL,
    state        smallint NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    route        smallint NOT NULL DEFAULT 0,
    contentment  smallint,
    reason       text COLLATE "C" NOT NULL DEFAULT '',
    field        text COLLATE "C" NOT NULL DEFAULT '',
    submitted_at timestamptz NOT NULL,
    due_at       timestamptz,
    ended_at     timestamptz,
    dirty        boolean NOT NULL DEFAULT true,
    PRIMARY KEY (partner, number)
);
COMMENT ON TABLE partner_items IS 'What partners sent, by their number; no content.';
COMMENT ON COLUMN partner_items.body
    IS 'Keyed hash of what was sent: the same number with other content is refused.';
COMMENT ON COLUMN partner_items.report IS 'The report; empty if it was refused.';
COMMENT ON COLUMN partner_items.dirty IS 'Whether something may have changed that the partner was not told.';
CREATE INDEX partner_items_report ON partner_items (report) WHERE report <> '';
CREATE INDEX partner_items_newest ON partner_items (partner, id);
CREATE INDEX partner_items_of_day ON partner_items (partner, submitted_at);
CREATE INDEX partner_items_dirty ON partner_items (id) WHERE dirty;
CREATE TABLE partner_changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner     text COLLATE "C" NOT NULL,
    number      text NOT NULL,
    state       smallint NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    route       smallint NOT NULL,
    contentment smallint,
    ended_at    timestamptz,
    changed_at  timestamptz NOT NULL
);
COMMENT ON TABLE partner_changes IS 'What became of the items of partners, in order.';
CREATE INDEX partner_changes_of ON partner_changes (partner, id);
CREATE TABLE partner_place (
    one      boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE partner_place IS 'Up to which place of the feed the items of partners were looked at: one row.';
INSERT INTO partner_place (position) SELECT position FROM feed_head;
"""


def upgrade() -> None:
    run_script(PARTNERS)
