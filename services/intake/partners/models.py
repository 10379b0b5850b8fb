"""The tables of partners: what they sent, and what they were told became of it."""

from __future__ import annotations

from sqlalchemy import Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.door.programs.partner import ItemState
from casework.door.report import Contentment
from casework.mediation.docking import Nature, Procedure
from services.intake.models import IntakeModel
from services.kit.storage.models import Code, Count, Instant, Numbered, NumberedOrNone, Small, Words


class PartnerItem(IntakeModel):
    """An item, by its number at the partner. What was said is sealed in its report alone."""

    __tablename__ = "partner_items"
    __table_args__ = (
        Index("partner_items_report", "report", postgresql_where=text("report <> ''")),
        Index("partner_items_newest", "partner", "id"),
        Index("partner_items_of_day", "partner", "submitted_at"),
        Index("partner_items_dirty", "id", postgresql_where=text("dirty")),
        {"comment": "What partners sent, by their number; no content."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), unique=True)
    partner: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[Words] = mapped_column(primary_key=True)
    body: Mapped[bytes] = mapped_column(
        comment="Keyed hash of what was sent: the same number with other content is refused."
    )
    report: Mapped[Code] = mapped_column(comment="The report; empty if it was refused.")
    state: Mapped[ItemState] = mapped_column(Numbered(ItemState))
    unit: Mapped[Code]
    route: Mapped[Small] = mapped_column(server_default="0")
    contentment: Mapped[Contentment | None] = mapped_column(Numbered(Contentment))
    reason: Mapped[Code] = mapped_column(server_default="")
    field: Mapped[Code] = mapped_column(server_default="")
    submitted_at: Mapped[Instant]
    due_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    dirty: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="Whether something may have changed that the partner was not told."
    )


class PartnerChange(IntakeModel):
    """A change of an item, as the partner reads it; written by one process at a time, so that ids are in order."""

    __tablename__ = "partner_changes"
    __table_args__ = (
        Index("partner_changes_of", "partner", "id"),
        {"comment": "What became of the items of partners, in order."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    partner: Mapped[Code]
    number: Mapped[Words]
    state: Mapped[ItemState] = mapped_column(Numbered(ItemState))
    unit: Mapped[Code]
    route: Mapped[Small]
    contentment: Mapped[Contentment | None] = mapped_column(Numbered(Contentment))
    ended_at: Mapped[Instant | None]
    changed_at: Mapped[Instant]
    kinds: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default="{1}")
    reply: Mapped[Count | None] = mapped_column(comment="The interim reply, if the change is one.")


class PartnerPhoto(IntakeModel):
    """A photo of an item: which photo of its report it is."""

    __tablename__ = "partner_photos"
    __table_args__ = ({"comment": "Which photo of its report a photo of an item is, by the numbers of the partner."},)

    partner: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[Words] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(
        primary_key=True, comment="Keyed hash of its number or name there, which may name a person."
    )
    body: Mapped[bytes] = mapped_column(
        comment="Keyed hash of what was sent: the same name with another photo is refused."
    )
    photo: Mapped[int]


class HandOver(IntakeModel):
    """By which letter a partner handed a report over to mediation, and on what terms."""

    __tablename__ = "hand_overs"
    __table_args__ = (
        UniqueConstraint("partner", "letter"),
        {"comment": "By which letters, and on what terms, partners handed reports over to mediation."},
    )

    report: Mapped[Code] = mapped_column(primary_key=True)
    partner: Mapped[Code]
    letter: Mapped[Code]
    procedure: Mapped[Procedure | None] = mapped_column(NumberedOrNone(Procedure), nullable=False, server_default="0")
    nature: Mapped[Nature | None] = mapped_column(NumberedOrNone(Nature), nullable=False, server_default="0")
    decided: Mapped[bool | None]
    petition_at: Mapped[Instant | None]


class PartnerPlace(IntakeModel):
    """Up to which place of intake's own feed items were looked at."""

    __tablename__ = "partner_place"
    __table_args__ = ({"comment": "Up to which place of the feed the items of partners were looked at: one row."},)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    position: Mapped[Count] = mapped_column(server_default="0")
