"""The tables of the versions of plans, and of their changes."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.plan_change import ChangeState, PlanCause
from services.kit.storage.models import Code, Instant, Json, Numbered, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class PlanVersion(MediationModel):
    """A version of the plan of a case: its tasks as they were then, without their words."""

    __tablename__ = "plan_versions"
    __table_args__ = ({"comment": "Every version of a plan: what it was, why, by whom, who approved; never changed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    plan_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cause: Mapped[PlanCause] = mapped_column(Numbered(PlanCause))
    change: Mapped[int] = mapped_column(server_default="0", comment="The change that made it; 0 if none did.")
    migration: Mapped[int] = mapped_column(server_default="0", comment="The migration that made it; 0 if none did.")
    made_by: Mapped[Words]
    approved_by: Mapped[Words] = mapped_column(server_default="")
    made_at: Mapped[Instant]
    tasks: Mapped[Json]


class PlanChange(MediationModel):
    """A change of a plan: applied, or proposed to somebody else who decides."""

    __tablename__ = "plan_changes"
    __table_args__ = (
        Index("plan_changes_first", "proposed_at", "number", "change"),
        Index("plan_changes_open", "number", unique=True, postgresql_where=text(f"state = {ChangeState.PROPOSED:d}")),
        {"comment": "What was asked of a plan, and what became of it; never deleted."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    change: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ChangeState] = mapped_column(Numbered(ChangeState))
    unit: Mapped[Code]
    base: Mapped[int] = mapped_column(comment="The version of the plan that it changes.")
    made: Mapped[int] = mapped_column(server_default="0", comment="The version that came of it; 0 if none did.")
    proposed_by: Mapped[Words]
    proposed_at: Mapped[Instant]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    decided_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes] = mapped_column(comment="Sealed under the key of the case: what is changed, and why.")
    decide_until: Mapped[Instant | None] = date_of("decide_clock")
    decide_clock: Mapped[Code | None] = clock_named("plan_decision-{change}")
    note: Mapped[SealedBytes | None] = mapped_column(comment="Sealed like it: what was said with the decision.")
