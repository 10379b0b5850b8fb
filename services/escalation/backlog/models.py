"""The tables of plans to clear the backlog."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.matters.backlog import PlanState
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Numbered, Words, clock_named, date_of


class BacklogPlan(EscalationModel):
    """A plan to clear the backlog of an area."""

    __tablename__ = "backlog_plans"
    __table_args__ = (
        Index("backlog_plans_newest", text("drafted_at DESC"), text("number DESC")),
        {"comment": "Plans to clear the backlog; the matters they count are fixed when they are approved."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[PlanState] = mapped_column(Numbered(PlanState))
    unit: Mapped[Code]
    over_days: Mapped[int]
    drafted_by: Mapped[Words]
    drafted_at: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]


class BacklogTarget(EscalationModel):
    """What a unit is to clear, and by when."""

    __tablename__ = "backlog_targets"
    __table_args__ = (
        Index("backlog_targets_unit", "unit", "number"),
        {"comment": "Targets of plans, one a unit; none lies under another one of its plan."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("backlog_plans.number"), primary_key=True)
    target: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    wanted: Mapped[int] = mapped_column(comment="How many matters are to be settled.")
    due_on: Mapped[date] = mapped_column(comment="The day that the plan set; its clock runs from the approval.")
    official: Mapped[Words] = mapped_column(comment="The lead official, by account.")
    baseline: Mapped[int] = mapped_column(server_default="0", comment="How many matters are counted for it.")
    due_at: Mapped[Instant | None] = date_of()
    reached_at: Mapped[Instant | None]
    due_clock: Mapped[Code | None] = clock_named("target-{target}")


class BacklogMatter(EscalationModel):
    """A matter that a plan counts."""

    __tablename__ = "backlog_matters"
    __table_args__ = (
        ForeignKeyConstraint(["plan", "target"], ["backlog_targets.number", "backlog_targets.target"]),
        {"comment": "The matters that a plan counts, fixed by its approval: no transfer or merge takes one out."},
    )

    plan: Mapped[Code] = mapped_column(primary_key=True)
    matter: Mapped[Code] = mapped_column(primary_key=True)
    target: Mapped[int]
    unit: Mapped[Code] = mapped_column(comment="The accountable unit when the plan was approved.")
    received_at: Mapped[Instant]
