"""The table of offers."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.offer import OfferState
from services.kit.storage.models import Code, Instant, Numbered, Words, clock_named, date_of
from services.mediation.models.base import MediationModel


class Offer(MediationModel):
    """An offer of a case, or with a number of a task of it, to another unit."""

    __tablename__ = "offers"
    __table_args__ = (
        Index("offers_first", "made_at", "number", "offer"),
        Index("offers_open", "number", "task", unique=True, postgresql_where=text(f"state = {OfferState.MADE:d}")),
        {"comment": "A case, or a task of it, offered by its accountable unit to another one; never deleted."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    offer: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[OfferState] = mapped_column(Numbered(OfferState))
    task: Mapped[int] = mapped_column(server_default="0")
    unit: Mapped[Code]
    offered: Mapped[Code]
    reason: Mapped[Words]
    decline_reason: Mapped[Words] = mapped_column(server_default="")
    made_by: Mapped[Words]
    made_at: Mapped[Instant]
    answer_until: Mapped[Instant | None] = date_of("answer_clock")
    ended_at: Mapped[Instant | None]
    answer_clock: Mapped[Code | None] = clock_named("offer_answer-{offer}")
