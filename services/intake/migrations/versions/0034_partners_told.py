"""What partners are told in words, what changed of an item, and photos by the partner's numbers."""

from services.kit.storage.migration import run_script

revision = "0034"
down_revision = "0033"

TOLD = """
CREATE TABLE partner_replies (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner    text COLLATE "C" NOT NULL,
    number     text NOT NULL,
    report     text COLLATE "C" NOT NULL,
    sealed     bytea NOT NULL,
    replied_at timestamptz NOT NULL,
    told       boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE partner_replies IS 'Interim replies to partners, sealed under the data key of the report.';
COMMENT ON COLUMN partner_replies.number IS 'The number of the item at the partner.';
COMMENT ON COLUMN partner_replies.told IS 'Whether it stands among the changes of the item.';
CREATE INDEX partner_replies_waiting ON partner_replies (partner, number) WHERE NOT told;
CREATE INDEX partner_replies_report ON partner_replies (report);
CREATE TABLE partner_photos (
    partner  text COLLATE "C" NOT NULL,
    number   text NOT NULL,
    key      bytea NOT NULL,
    body     bytea NOT NULL,
    photo    integer NOT NULL,
    PRIMARY KEY (partner, number, key)
);
COMMENT ON TABLE partner_photos IS 'Which photo of its report a photo of an item is, by the numbers of the partner.';
COMMENT ON COLUMN partner_photos.key IS 'Keyed hash of its number or name there, which may name a person.';
COMMENT ON COLUMN partner_photos.body IS 'Keyed hash of what was sent: the same name with another photo is refused.';
ALTER TABLE partner_changes ADD COLUMN kinds smallint[] NOT NULL DEFAULT '{1}', ADD COLUMN reply bigint;
COMMENT ON COLUMN partner_changes.reply IS 'The interim reply, if the change is one.';
"""


def upgrade() -> None:
    run_script(TOLD)
