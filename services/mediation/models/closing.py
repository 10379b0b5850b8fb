"""The tables of closings, follow-up visits and reopenings."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.closing import ReopenReason, Retention, Satisfaction, View
from casework.mediation.fulfilment import Performance
from services.kit.storage.models import Code, Instant, Numbered, NumberedOrNone, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Closing(MediationModel):
    """A closing of a case, its first or one after a reopening."""

    __tablename__ = "closings"
    __table_args__ = (UniqueConstraint("unit", "document_number"),)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    closing: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[Code]
    document_number: Mapped[Words]
    retention: Mapped[Retention] = mapped_column(Numbered(Retention))
    closed_at: Mapped[Instant]


class ClosingView(MediationModel):
    """A party's view of the closing."""

    __tablename__ = "closing_views"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    view: Mapped[View] = mapped_column(Numbered(View))
    sealed: Mapped[SealedBytes | None]
    recorded_at: Mapped[Instant]
    recorded_by: Mapped[Words]


class Visit(MediationModel):
    """A follow-up visit, planned or made."""

    __tablename__ = "visits"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    due_at: Mapped[Instant | None] = date_of()
    visited_at: Mapped[Instant | None]
    visited_by: Mapped[Words] = mapped_column(server_default="")
    performance: Mapped[Performance | None] = mapped_column(
        NumberedOrNone(Performance), nullable=False, server_default="0"
    )
    recurred: Mapped[bool] = mapped_column(server_default=text("false"))
    sealed: Mapped[SealedBytes | None]
    due_clock: Mapped[Code | None] = clock_named("visit-{days}")


class VisitAnswer(MediationModel):
    """What a party said in a visit."""

    __tablename__ = "visit_answers"
    __table_args__ = (ForeignKeyConstraint(["number", "days"], ["visits.number", "visits.days"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    satisfaction: Mapped[Satisfaction] = mapped_column(Numbered(Satisfaction))


class Reopening(MediationModel):
    """A reopening of a case."""

    __tablename__ = "reopenings"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    reopening: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[ReopenReason] = mapped_column(Numbered(ReopenReason))
    evidence: Mapped[Words]
    reopened_at: Mapped[Instant]
    reopened_by: Mapped[Words]
