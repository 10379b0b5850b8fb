"""The tables of levels."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models import EscalationModel
from services.kit.storage.models import NOW, Code, Instant, Json, Words


class PinnedLadder(EscalationModel):
    """The whole content of a ladder that escalations are pinned to."""

    __tablename__ = "ladders"
    __table_args__ = (
        {"comment": "Contents of ladders that escalations are pinned to: editing a rule file moves nothing."},
    )

    hash: Mapped[Words] = mapped_column(primary_key=True)
    name: Mapped[Words]
    version: Mapped[Words]
    content: Mapped[Json]
    pinned_at: Mapped[Instant] = mapped_column(server_default=NOW)


class Breach(EscalationModel):
    """A missed deadline that caused an escalation."""

    __tablename__ = "escalation_breaches"
    __table_args__ = (
        ForeignKeyConstraint(["number", "escalation"], ["escalations.number", "escalations.escalation"]),
        {"comment": "The missed deadlines an escalation was raised for."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    breach: Mapped[Words] = mapped_column(primary_key=True)
    escalation: Mapped[int]
    raised_at: Mapped[Instant]
    withdrawn_at: Mapped[Instant | None]


class AddedReason(EscalationModel):
    """Further neglect in a case while an escalation of it was open."""

    __tablename__ = "escalation_reasons"
    __table_args__ = (
        Index("escalation_reasons_of", "number", "escalation", "added_at"),
        {"comment": "What else was let lie in a matter while an escalation of it was open."},
    )
    # The table has no key; a model must name one.
    __mapper_args__ = {"primary_key": ["number", "escalation", "added_at", "breach"]}

    number: Mapped[Code]
    escalation: Mapped[int]
    reason: Mapped[Words]
    subject: Mapped[Code]
    from_unit: Mapped[Code]
    added_at: Mapped[Instant]
    breach: Mapped[Words]
    withdrawn_at: Mapped[Instant | None] = mapped_column(comment="When the missed deadline turned out to be none.")
