"""The tables of mediators: their register, what parties chose, who was asked."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.choosing import AskState
from services.kit.storage.models import Code, Instant, Numbered, Small, Words
from services.mediation.models.base import MediationModel


class Mediator(MediationModel):
    """An entry of the register."""

    __tablename__ = "mediators"
    __table_args__ = (
        UniqueConstraint("subject"),
        {"comment": "Officials in their office. No register of parties exists."},
    )

    mediator: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    subject: Mapped[Code]
    display_name: Mapped[Words]
    unit: Mapped[Code]
    areas: Mapped[list[str]] = mapped_column(ARRAY(Text))
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    specialities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool]
    updated_at: Mapped[Instant]
    updated_by: Mapped[Words]


class Choice(MediationModel):
    """The mediator whom a party chose in an attempt."""

    __tablename__ = "choices"
    __table_args__ = (ForeignKeyConstraint(["number", "party"], ["parties.number", "parties.party"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    round: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False)
    party: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mediator: Mapped[Code] = mapped_column(ForeignKey("mediators.mediator"))
    at: Mapped[Instant]


class Ask(MediationModel):
    """A request to a mediator to mediate a case, and the answer."""

    __tablename__ = "asks"

    number: Mapped[Code] = mapped_column(ForeignKey("mediations.number"), primary_key=True)
    ask: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    round: Mapped[Small]
    mediator: Mapped[Code] = mapped_column(ForeignKey("mediators.mediator"))
    subject: Mapped[Code]
    unit: Mapped[Code]
    state: Mapped[AskState] = mapped_column(Numbered(AskState))
    kin: Mapped[bool] = mapped_column(server_default=text("false"))
    interest: Mapped[bool] = mapped_column(server_default=text("false"))
    prior_role: Mapped[bool] = mapped_column(server_default=text("false"))
    asked_at: Mapped[Instant]
    answered_at: Mapped[Instant | None]
