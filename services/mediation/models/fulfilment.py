"""The tables of performance and of what followed a default. The parts of clauses belong to the agreement."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKeyConstraint, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.fulfilment import ClaimState, Remedy
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


class PerformanceClaim(MediationModel):
    """That a debtor claims to have performed a part, with its proof."""

    __tablename__ = "performance_claims"
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "agreement", "clause", "instalment"],
            ["instalments.number", "instalments.agreement", "instalments.clause", "instalments.instalment"],
        ),
        ForeignKeyConstraint(["number", "evidence"], ["evidence.number", "evidence.evidence"]),
        {"comment": "That a debtor claims to have performed a part, with its proof."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    clause: Mapped[int] = mapped_column(primary_key=True)
    instalment: Mapped[int] = mapped_column(primary_key=True)
    claim: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    evidence: Mapped[int]
    amount: Mapped[Count]
    complete: Mapped[bool]
    performed_on: Mapped[date]
    state: Mapped[ClaimState] = mapped_column(Numbered(ClaimState))
    claimed_at: Mapped[Instant]
    claimed_by: Mapped[Words]
    answered_at: Mapped[Instant | None]
    answered_by: Mapped[Words] = mapped_column(server_default="")
