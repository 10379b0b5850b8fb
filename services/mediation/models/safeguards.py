"""The tables of safeguards."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.alert import AlertState
from services.kit.storage.models import Code, Instant, Numbered, Small, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Screening(MediationModel):
    """A party's private answers, sealed; the last ones count."""

    __tablename__ = "screenings"
    __table_args__ = (ForeignKeyConstraint(["number", "party"], ["parties.number", "parties.party"]),)

    number: Mapped[Code] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[SealedBytes | None]
    screened_at: Mapped[Instant]
    screened_by: Mapped[Words]


class Alert(MediationModel):
    """An alert because a life is in danger; its facts are sealed."""

    __tablename__ = "alerts"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    alert: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[AlertState] = mapped_column(Numbered(AlertState), server_default="1")
    danger: Mapped[Small]
    target: Mapped[Small]
    sealed: Mapped[SealedBytes | None]
    requested_by: Mapped[Words]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    reviewed_by: Mapped[Words] = mapped_column(server_default="")
    requested_at: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    reviewed_at: Mapped[Instant | None]
