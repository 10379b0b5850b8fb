"""The tables of erasures and holds."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import Code
from services.kit.storage.tables.erasure_tables import ErasureRow, HoldRow, ReachRow
from services.mediation.models.base import MediationModel


class Erasure(ErasureRow, MediationModel):
    """The erasure of a case's data."""

    __tablename__ = "erasures"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)


class Reach(ReachRow, MediationModel):
    """What an erasure of a case reaches in a service."""

    __tablename__ = "erasure_reach"

    number: Mapped[Code] = mapped_column(ForeignKey("erasures.number"), primary_key=True)


class Hold(HoldRow, MediationModel):
    """A hold on a case's data."""

    __tablename__ = "holds"
    __table_args__ = ({"comment": "While one stands nothing of the case is erased, on whatever ground."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
