"""The tables of erasures and holds."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.erasure import ErasureState, Ground
from services.kit.storage.models import Code, Instant, Json, Numbered, Words
from services.mediation.models.base import MediationModel


class Erasure(MediationModel):
    """The erasure of a case's data that somebody asked for."""

    __tablename__ = "erasures"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ErasureState] = mapped_column(Numbered(ErasureState))
    ground: Mapped[Ground] = mapped_column(Numbered(Ground))
    evidence: Mapped[Words]
    requested_by: Mapped[Words]
    requested_at: Mapped[Instant]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    decided_at: Mapped[Instant | None]


class Reach(MediationModel):
    """What an erasure reaches in a service."""

    __tablename__ = "erasure_reach"

    number: Mapped[Code] = mapped_column(ForeignKey("erasures.number"), primary_key=True)
    service: Mapped[Words] = mapped_column(primary_key=True)
    counts: Mapped[Json]
    erased: Mapped[bool]


class Hold(MediationModel):
    """A hold on a case's data."""

    __tablename__ = "holds"
    __table_args__ = ({"comment": "While one stands nothing of the case is erased, on whatever ground."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    hold: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    evidence: Mapped[Words]
    placed_by: Mapped[Words]
    placed_at: Mapped[Instant]
    lifted_by: Mapped[Words] = mapped_column(server_default="")
    lifted_at: Mapped[Instant | None]
    lifted_evidence: Mapped[Words] = mapped_column(server_default="")
