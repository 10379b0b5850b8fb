"""The tables of mediators: their register, what parties chose, who was asked."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.choosing import PANEL_LIVE, AskState, LeavingReason, PanelRole, PanelState
from services.kit.storage.models import Code, Instant, Numbered, NumberedOrNone, Small, Words
from services.kit.storage.sealing import SealedBytes
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


_LIVE = ", ".join(f"{state:d}" for state in PANEL_LIVE)


class PanelMember(MediationModel):
    """Somebody who takes part in a mediation beside the mediator of record."""

    __tablename__ = "panel"
    __table_args__ = (
        Index(
            "panel_live", "number", "subject", unique=True,
            postgresql_where=text(f"subject <> '' AND state IN ({_LIVE})"),
        ),
        Index("panel_of", "subject", "added_at", postgresql_where=text(f"subject <> '' AND state IN ({_LIVE})")),
        {"comment": "Second mediators and assessors of a mediation."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("mediations.number"), primary_key=True)
    member: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    role: Mapped[PanelRole] = mapped_column(Numbered(PanelRole))
    mediator: Mapped[Code] = mapped_column(server_default="", comment="Entry of the register; empty for an assessor.")
    subject: Mapped[Code] = mapped_column(server_default="", comment="Account; empty for who only comes to sessions.")
    unit: Mapped[Code] = mapped_column(server_default="", comment="The unit of a second mediator.")
    state: Mapped[PanelState] = mapped_column(Numbered(PanelState))
    agreed: Mapped[list[int]] = mapped_column(
        ARRAY(Integer), server_default="{}", comment="Numbers of the parties who agreed."
    )
    sealed: Mapped[SealedBytes | None] = mapped_column(comment="Name and capacity of an assessor.")
    kin: Mapped[bool] = mapped_column(server_default=text("false"))
    interest: Mapped[bool] = mapped_column(server_default=text("false"))
    prior_role: Mapped[bool] = mapped_column(server_default=text("false"))
    reason: Mapped[LeavingReason | None] = mapped_column(
        NumberedOrNone(LeavingReason), nullable=False, server_default="0"
    )
    added_by: Mapped[Words]
    added_at: Mapped[Instant]
    accepted_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]


class PanelSignature(MediationModel):
    """The signature of a second mediator under an agreement."""

    __tablename__ = "panel_signatures"
    __table_args__ = (
        ForeignKeyConstraint(["number", "agreement"], ["agreements.number", "agreements.agreement"]),
        ForeignKeyConstraint(["number", "member"], ["panel.number", "panel.member"]),
        {"comment": "That a second mediator signed an agreement."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signed_at: Mapped[Instant]
    signed_by: Mapped[Words]
