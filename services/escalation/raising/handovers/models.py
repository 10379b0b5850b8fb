"""The tables of hand-overs."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.raising.handover import HandoverState
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Json, Numbered, Words
from services.kit.storage.sealing import SealedBytes


class Handover(EscalationModel):
    """A hand-over of an official of a unit to a successor."""

    __tablename__ = "handovers"
    __table_args__ = (
        CheckConstraint("official <> successor"),
        Index("handovers_open", "unit", "official", unique=True, postgresql_where=text("state = 1")),
        Index("handovers_oldest", "created_at", "number"),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[HandoverState] = mapped_column(Numbered(HandoverState))
    unit: Mapped[Code]
    official: Mapped[Code]
    successor: Mapped[Code]
    notes: Mapped[SealedBytes | None]
    overdue: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class HandoverItem(EscalationModel):
    """An item of a hand-over."""

    __tablename__ = "handover_items"
    __table_args__ = (UniqueConstraint("number", "subject", "role"),)

    number: Mapped[Code] = mapped_column(ForeignKey("handovers.number"), primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file: Mapped[Code]
    subject: Mapped[Code]
    role: Mapped[Words]
    due_on: Mapped[date | None]
    clocks: Mapped[Json] = mapped_column(
        server_default="[]", comment="Open clocks as they stood when it was listed: [[id, rule, due], ...]."
    )
    acknowledged_at: Mapped[Instant | None]
    moved_at: Mapped[Instant | None] = mapped_column(
        comment="When the successor came to hold it; never, where it was over by then."
    )
