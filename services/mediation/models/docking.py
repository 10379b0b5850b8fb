"""The tables of dockings and their letters."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.docking import Answer, DockingKind, DockingState, Letter, Nature, Procedure, Result
from services.kit.storage.models import Code, Count, Instant, Numbered, NumberedOrNone, Words, clock_named, date_of
from services.mediation.models.base import MediationModel


class Docking(MediationModel):
    """A case that an authority handed over."""

    __tablename__ = "dockings"
    __table_args__ = (
        Index("dockings_letter", "authority", "reference", unique=True, postgresql_where=text("authority <> ''")),
        Index(
            "dockings_sent", "authority", text("handed_over_at DESC"), text("number DESC"), text("docking DESC"),
            postgresql_where=text("authority <> ''"),
        ),
        {"comment": "Holds no reason of a party who refused: there is no column for one."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    docking: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    kind: Mapped[DockingKind] = mapped_column(Numbered(DockingKind))
    state: Mapped[DockingState] = mapped_column(Numbered(DockingState))
    procedure: Mapped[Procedure | None] = mapped_column(NumberedOrNone(Procedure), nullable=False, server_default="0")
    nature: Mapped[Nature | None] = mapped_column(NumberedOrNone(Nature), nullable=False, server_default="0")
    handed_over_at: Mapped[Instant]
    petition_at: Mapped[Instant | None]
    signed_at: Mapped[Instant | None]
    due_at: Mapped[Instant | None] = date_of()
    extended: Mapped[bool] = mapped_column(server_default=text("false"))
    ended_at: Mapped[Instant | None]
    result: Mapped[Result | None] = mapped_column(NumberedOrNone(Result), nullable=False, server_default="0")
    answer: Mapped[Answer | None] = mapped_column(NumberedOrNone(Answer), nullable=False, server_default="0")
    due_clock: Mapped[Code | None] = clock_named("docking-{docking}")
    authority: Mapped[Code] = mapped_column(
        server_default="", comment="Unit of the authority; empty for what was handed over before it was recorded."
    )
    reference: Mapped[Code] = mapped_column(server_default="", comment="Its letter: unique for each authority.")


class DockingLetter(MediationModel):
    """A letter to or from the authority."""

    __tablename__ = "docking_letters"
    __table_args__ = (
        ForeignKeyConstraint(["number", "docking"], ["dockings.number", "dockings.docking"]),
        Index("docking_letters_docking", "number", "docking"),
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    docking: Mapped[int]
    letter: Mapped[Letter] = mapped_column(Numbered(Letter))
    reference: Mapped[Words]
    at: Mapped[Instant]


class DockingChange(MediationModel):
    """A change of a docking, as its authority reads it."""

    __tablename__ = "docking_changes"
    __table_args__ = (
        ForeignKeyConstraint(["number", "docking"], ["dockings.number", "dockings.docking"]),
        Index("docking_changes_of", "authority", "position"),
        {"comment": "What became of dockings, in order, for the authorities that handed them over."},
    )

    position: Mapped[Count] = mapped_column(
        primary_key=True, autoincrement=False, comment="The place of the last event of the change in the feed."
    )
    number: Mapped[Code]
    docking: Mapped[int]
    authority: Mapped[Code]
    kinds: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    changed_at: Mapped[Instant]


class DockingPlace(MediationModel):
    """Up to which place of mediation's own feed the changes of dockings were looked for."""

    __tablename__ = "docking_place"
    __table_args__ = ({"comment": "Up to which place of the feed the changes of dockings were looked for: one row."},)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    position: Mapped[Count] = mapped_column(server_default="0")
