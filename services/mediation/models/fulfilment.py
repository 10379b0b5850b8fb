"""The tables of performance and of what followed a default. The parts of clauses belong to the agreement."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.fulfilment import Remedy
from services.kit.storage.models import Code, Count, Instant, Numbered, Words
from services.mediation.models.base import MediationModel


class PerformedPart(MediationModel):
    """A performance of a part, complete or partial."""

    __tablename__ = "performances"
    __table_args__ = (Index("performances_case", "number"),)

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    agreement: Mapped[int]
    clause: Mapped[int]
    instalment: Mapped[int]
    amount: Mapped[Count]
    evidence: Mapped[Words]
    performed_on: Mapped[date]
    recorded_at: Mapped[Instant]
    recorded_by: Mapped[Words]


class DefaultStep(MediationModel):
    """What followed a default."""

    __tablename__ = "default_steps"
    __table_args__ = (Index("default_steps_case", "number"),)

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    agreement: Mapped[int]
    clause: Mapped[int]
    instalment: Mapped[int]
    remedy: Mapped[Remedy] = mapped_column(Numbered(Remedy))
    taken_at: Mapped[Instant]
    taken_by: Mapped[Words]
