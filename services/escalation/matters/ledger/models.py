"""The tables that only the ledger reads; matters and the parts of units are in `services.escalation.models`."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.matters.matter import Found
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Count, Instant, Json, NumberedOrNone, Small, Words
from services.kit.storage.sealing import SealedBytes


class MatterGrading(EscalationModel):
    """A grading of a matter."""

    __tablename__ = "matter_gradings"
    __table_args__ = ({"comment": "Every grading of a matter: declared facts, the table, the rows that held."},)

    number: Mapped[Code] = mapped_column(ForeignKey("matters.number"), primary_key=True)
    grading: Mapped[int] = mapped_column(primary_key=True)
    people_affected: Mapped[int]
    amount_fen: Mapped[Count]
    scope: Mapped[Small]
    impact: Mapped[Small]
    grade: Mapped[Small]
    rule: Mapped[Words]
    rule_version: Mapped[Words]
    reasons: Mapped[Json]
    reason: Mapped[Words]
    graded_at: Mapped[Instant]
    graded_by: Mapped[Words]


class MatterProgress(EscalationModel):
    """A progress report of a unit."""

    __tablename__ = "matter_progress"
    __table_args__ = ({"comment": "What units reported of their parts; the text sealed."},)

    number: Mapped[Code] = mapped_column(primary_key=True)
    progress: Mapped[int] = mapped_column(primary_key=True)
    assignment: Mapped[int]
    unit: Mapped[Code]
    entry: Mapped[int]
    sealed: Mapped[SealedBytes]
    reported_at: Mapped[Instant]
    reported_by: Mapped[Words]


class MatterEvidence(EscalationModel):
    """A piece of evidence."""

    __tablename__ = "matter_evidence"
    __table_args__ = ({"comment": "What shows how a matter stands: references and hashes; what they show is sealed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("matters.number"), primary_key=True)
    evidence: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[Words]
    file_hash: Mapped[Words]
    sealed: Mapped[SealedBytes | None]
    unit: Mapped[Code]
    added_at: Mapped[Instant]
    added_by: Mapped[Words]


class MatterLookBack(EscalationModel):
    """A look-back at a struck-off matter."""

    __tablename__ = "matter_look_backs"
    __table_args__ = ({"comment": "Looks back at a matter that was struck off, due and done."},)

    number: Mapped[Code] = mapped_column(ForeignKey("matters.number"), primary_key=True)
    entry: Mapped[int] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    result: Mapped[Found | None] = mapped_column(NumberedOrNone(Found), nullable=False, server_default="0")
    recorded_at: Mapped[Instant | None]
    recorded_by: Mapped[Words] = mapped_column(server_default="")


class MatterVersion(EscalationModel):
    """A version of a matter."""

    __tablename__ = "matter_versions"
    __table_args__ = (
        Index("matter_versions_first", "unit", "number", postgresql_where=text("version = 1")),
        {"comment": "Every version of a matter: who, when, what changed; what was said with it sealed."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("matters.number"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[Words]
    changed_at: Mapped[Instant]
    changed_by: Mapped[Words]
    unit: Mapped[Code]
    reason: Mapped[Words]
    changes: Mapped[Json]
    sealed: Mapped[SealedBytes | None]


class MatterReading(EscalationModel):
    """A reading of the texts of a matter."""

    __tablename__ = "matter_readings"
    __table_args__ = (
        Index("matter_readings_matter", "number", "id"),
        {"comment": "Who read or exported what is told of a matter, and when."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    at: Mapped[Instant]
    actor: Mapped[Words]
    unit: Mapped[Code]
    action: Mapped[Words]
