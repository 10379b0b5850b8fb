"""The table of warnings."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.prevention.warning import HazardKind, WarningState
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Numbered, Small, Words, date_of
from services.kit.storage.sealing import SealedBytes


class HazardWarning(EscalationModel):
    """A hazard or trend at a place, from report to checked measures."""

    __tablename__ = "warnings"
    __table_args__ = (
        Index(
            "warnings_open", text("urgent DESC"), "reported_at", "number", postgresql_where=text("closed_at IS NULL")
        ),
        Index("warnings_all", text("urgent DESC"), "reported_at", "number"),
        {"comment": "Hazards and trends at places: verified, assessed, warned of. No person is a column here."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[WarningState] = mapped_column(Numbered(WarningState))
    kind: Mapped[HazardKind] = mapped_column(Numbered(HazardKind))
    urgent: Mapped[bool]
    unit: Mapped[Code]
    place: Mapped[Code]
    category: Mapped[Words]
    level: Mapped[Small] = mapped_column(server_default="0")
    assessment: Mapped[Words] = mapped_column(server_default="")
    addressee: Mapped[Code] = mapped_column(server_default="")
    target: Mapped[Code] = mapped_column(server_default="")
    returned: Mapped[int] = mapped_column(server_default="0")
    round: Mapped[int] = mapped_column(server_default="1")
    measures_until: Mapped[Instant | None]
    due_at: Mapped[Instant | None] = date_of()
    drafted_by: Mapped[Words] = mapped_column(server_default="")
    measures_by: Mapped[Words] = mapped_column(server_default="")
    reported_at: Mapped[Instant]
    taken_up_at: Mapped[Instant | None]
    verified_at: Mapped[Instant | None]
    assessed_at: Mapped[Instant | None]
    warned_at: Mapped[Instant | None]
    measures_at: Mapped[Instant | None]
    closed_at: Mapped[Instant | None]
    sealed_hazard: Mapped[SealedBytes | None]
    sealed_reporter: Mapped[SealedBytes | None] = mapped_column(
        comment="The account that reported it; never shown to the unit concerned."
    )
    sealed_finding: Mapped[SealedBytes | None]
    sealed_demand: Mapped[SealedBytes | None]
    sealed_measures: Mapped[SealedBytes | None]
    due_clock: Mapped[Code] = mapped_column(server_default="")
