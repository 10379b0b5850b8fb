"""The table of absences."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant


class Absence(EscalationModel):
    """An absence of an official, and the substitute."""

    __tablename__ = "absences"
    __table_args__ = (
        CheckConstraint("official <> cover AND first_on <= last_on"),
        Index("absences_official", "official", postgresql_where=text("ended_at IS NULL")),
        Index("absences_cover", "cover", postgresql_where=text("ended_at IS NULL")),
        Index("absences_first", "first_on", "number", postgresql_where=text("ended_at IS NULL")),
        {"comment": "Who stands in for whom, from day to day: no reason, nothing of anybody's health."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    official: Mapped[Code]
    cover: Mapped[Code]
    first_on: Mapped[date]
    last_on: Mapped[date]
    ended_at: Mapped[Instant | None]
