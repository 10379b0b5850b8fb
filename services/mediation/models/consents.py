"""The tables of the mediation of a case and of consents."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.case import Ground, Step
from casework.mediation.choosing import ChoicePhase
from casework.mediation.course import MediationState
from services.kit.storage.models import Code, Instant, Numbered, NumberedOrNone, Small, Words
from services.mediation.models.base import MediationModel


class Mediation(MediationModel):
    """The mediation of a case; one row for all attempts."""

    __tablename__ = "mediations"
    __table_args__ = (
        Index("mediations_mediator", "mediator", postgresql_where=text(f"state = {MediationState.MEDIATING:d}")),
        Index("mediations_of", "mediator", postgresql_where=text("mediator <> ''")),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MediationState] = mapped_column(Numbered(MediationState), server_default="1")
    phase: Mapped[ChoicePhase] = mapped_column(Numbered(ChoicePhase), server_default="0")
    round: Mapped[Small] = mapped_column(server_default="1")
    candidate: Mapped[Code] = mapped_column(
        server_default="", comment="Entry of the register that was asked or accepted."
    )
    mediator: Mapped[Code] = mapped_column(
        server_default="", comment="User of the mediator of record; empty until one accepted."
    )
    mediator_unit: Mapped[Code] = mapped_column(server_default="")
    joint_barred: Mapped[bool] = mapped_column(server_default=text("false"))
    consented_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    ground: Mapped[Ground | None] = mapped_column(NumberedOrNone(Ground), nullable=False, server_default="0")
    matter_facts: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class Consent(MediationModel):
    """A party's answer to a step, yes or no; the last one counts."""

    __tablename__ = "consents"
    __table_args__ = (ForeignKeyConstraint(["number", "party"], ["parties.number", "parties.party"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    consent: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    party: Mapped[int]
    round: Mapped[Small]
    step: Mapped[Step] = mapped_column(Numbered(Step))
    given: Mapped[bool]
    medium: Mapped[Small]
    language: Mapped[Code]
    read_back: Mapped[bool]
    interpreter: Mapped[int] = mapped_column(server_default="0")
    assisted_by: Mapped[int] = mapped_column(server_default="0")
    given_by: Mapped[int] = mapped_column(server_default="0")
    at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    recorded_by: Mapped[Words]
