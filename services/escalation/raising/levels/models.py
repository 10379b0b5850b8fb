"""The tables of levels."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.raising.escalation import EscalationState, RaisedTo
from services.escalation.base import EscalationModel
from services.kit.storage.models import NOW, Code, Codes, Instant, Json, Numbered, Small, Words
from services.kit.storage.sealing import SealedBytes


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


class Escalation(EscalationModel):
    """A case or file that was raised to a unit or an office."""

    __tablename__ = "escalations"
    __table_args__ = (
        Index("escalations_newest", text("created_at DESC"), text("number DESC"), text("escalation DESC")),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    escalation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[EscalationState] = mapped_column(Numbered(EscalationState))
    mode: Mapped[RaisedTo] = mapped_column(Numbered(RaisedTo))
    from_unit: Mapped[Code]
    to_unit: Mapped[Code]
    reason: Mapped[Words]
    subject: Mapped[Words]
    created_at: Mapped[Instant]
    acknowledged_at: Mapped[Instant | None]
    resolved_at: Mapped[Instant | None]
    ladder: Mapped[Words | None] = mapped_column(
        ForeignKey("ladders.hash"), comment="The ladder it is pinned to; none for what is older than the ladders."
    )
    ladder_name: Mapped[Words] = mapped_column(server_default="")
    ladder_version: Mapped[Words] = mapped_column(server_default="")
    office: Mapped[Words] = mapped_column(server_default="")
    origin: Mapped[Code] = mapped_column(
        server_default="", comment="The unit its climb began in; its history is of that unit and those above."
    )
    climbed_from: Mapped[int] = mapped_column(server_default="0")
    category: Mapped[Words] = mapped_column(server_default="")
    grade: Mapped[Small] = mapped_column(server_default="0")
    about: Mapped[Code] = mapped_column(server_default="", comment="The unit complained of; it is never told.")
    told: Mapped[Codes] = mapped_column(server_default="{}")
    returns: Mapped[int] = mapped_column(server_default="0")
    return_unit: Mapped[Code] = mapped_column(server_default="")
    return_reason: Mapped[Words] = mapped_column(server_default="")
    returned_at: Mapped[Instant | None]
    sealed_explanation: Mapped[SealedBytes | None]
    sealed_expectation: Mapped[SealedBytes | None]


class Breach(EscalationModel):
    """A missed deadline that an escalation was raised for."""

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
    """What else was let lie in a matter while an escalation of it was open."""

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
