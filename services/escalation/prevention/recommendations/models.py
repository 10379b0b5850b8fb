"""The tables of clusters and recommendations."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.prevention.cluster import Verdict
from casework.supervision.prevention.recommendation import (
    Adoption,
    CarryingOut,
    ObjectionState,
    RecommendationKind,
    RecommendationState,
)
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Numbered, NumberedOrNone, Words, date_of
from services.kit.storage.sealing import SealedBytes


class ClusterDismissal(EscalationModel):
    """A candidate that was set aside."""

    __tablename__ = "cluster_dismissals"
    __table_args__ = (
        Index("cluster_dismissals_place", "place", "category", "until"),
        {"comment": "Candidates that somebody set aside, why, and until when."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    place: Mapped[Code]
    category: Mapped[Words]
    reason: Mapped[Words]
    dismissed_at: Mapped[Instant]
    until: Mapped[Instant]


class Recommendation(EscalationModel):
    """A recommendation to a department."""

    __tablename__ = "recommendations"
    __table_args__ = (
        Index("recommendations_oldest", "created_at", "number"),
        {"comment": "Recommendations to departments; what they say is sealed, what came of it is not."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[RecommendationState] = mapped_column(Numbered(RecommendationState))
    kind: Mapped[RecommendationKind] = mapped_column(Numbered(RecommendationKind))
    unit: Mapped[Code]
    addressee: Mapped[Code]
    category: Mapped[Words]
    place: Mapped[Code]
    cluster: Mapped[Words] = mapped_column(server_default="")
    letter_number: Mapped[Words] = mapped_column(server_default="")
    receipt: Mapped[Words] = mapped_column(server_default="")
    researched: Mapped[bool]
    communicated: Mapped[bool]
    objection: Mapped[ObjectionState | None] = mapped_column(
        NumberedOrNone(ObjectionState), server_default="0", nullable=False
    )
    pair_count: Mapped[int]
    drafters: Mapped[list[str]] = mapped_column(ARRAY(Text))
    approved_by: Mapped[Words] = mapped_column(server_default="")
    due_at: Mapped[Instant | None] = date_of()
    created_at: Mapped[Instant]
    approved_at: Mapped[Instant | None]
    served_at: Mapped[Instant | None]
    objected_at: Mapped[Instant | None]
    replied_at: Mapped[Instant | None]
    visited_at: Mapped[Instant | None]
    withdrawn_at: Mapped[Instant | None]
    closed_at: Mapped[Instant | None]
    verdict: Mapped[Verdict | None] = mapped_column(
        NumberedOrNone(Verdict), server_default="0", nullable=False, comment="What its effect was when it was closed."
    )
    sealed: Mapped[SealedBytes]
    sealed_objection: Mapped[SealedBytes | None]
    sealed_decision: Mapped[SealedBytes | None]
    sealed_reply: Mapped[SealedBytes | None]
    sealed_visit: Mapped[SealedBytes | None]
    due_clock: Mapped[Code] = mapped_column(server_default="")


class AdvicePair(EscalationModel):
    """A problem and its advice."""

    __tablename__ = "recommendation_pairs"
    __table_args__ = ({"comment": "What became of each problem and its advice."},)

    number: Mapped[Code] = mapped_column(ForeignKey("recommendations.number"), primary_key=True)
    pair: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    adoption: Mapped[Adoption | None] = mapped_column(NumberedOrNone(Adoption), server_default="0", nullable=False)
    carried_out: Mapped[CarryingOut | None] = mapped_column(
        NumberedOrNone(CarryingOut), server_default="0", nullable=False
    )
