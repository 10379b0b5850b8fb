"""The table of objections."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.objection import ObjectionState
from services.kit.storage.models import Code, Instant, Numbered, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Objection(MediationModel):
    """An objection to the dispatch of a case, or with a number of a task of it."""

    __tablename__ = "objections"
    __table_args__ = (
        Index("objections_first", "decide_until", "number", "objection"),
        Index(
            "objections_open", "number", "task", unique=True, postgresql_where=text(f"state = {ObjectionState.MADE:d}")
        ),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    objection: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ObjectionState] = mapped_column(Numbered(ObjectionState))
    task: Mapped[int] = mapped_column(server_default="0")
    unit: Mapped[Code]
    proposed: Mapped[Code]
    umpire: Mapped[Code]
    right_unit: Mapped[Code] = mapped_column(server_default="")
    reason: Mapped[Words]
    grounds: Mapped[SealedBytes] = mapped_column(comment="Sealed under the key of the case, as is the decision.")
    decision: Mapped[SealedBytes | None]
    made_by: Mapped[Words]
    dispatched_at: Mapped[Instant]
    object_until: Mapped[Instant]
    made_at: Mapped[Instant]
    decide_until: Mapped[Instant | None] = date_of("decide_clock")
    ended_at: Mapped[Instant | None]
    decide_clock: Mapped[Code | None] = clock_named("objection_decision-{objection}")
