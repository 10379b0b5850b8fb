"""The tables of cases and of the tasks of their plans."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from casework.case import Outcome, Stage, TaskState
from services.kit.storage.models import (
    Code,
    Count,
    Instant,
    Json,
    Numbered,
    NumberedOrNone,
    Small,
    Words,
    clock_named,
    date_of,
)
from services.kit.storage.sealing import SealedBytes, WrappedKey
from services.mediation.models.base import MediationModel


class Case(MediationModel):
    """A case. It holds the head of its chain of events, and its key."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("cases_newest", text("opened_at DESC"), text("number DESC")),
        Index("cases_plan", "plan", "plan_version", "number", postgresql_where=text(f"stage <> {Stage.CLOSED:d}")),
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[Count] = mapped_column(server_default="0")
    head: Mapped[bytes] = mapped_column(server_default=text("decode(repeat('00'::text, 32), 'hex'::text)"))
    version: Mapped[int] = mapped_column(server_default="1")
    stage: Mapped[Stage] = mapped_column(Numbered(Stage))
    unit: Mapped[Code]
    category: Mapped[Code]
    grade: Mapped[Small]
    received_at: Mapped[Instant]
    opened_at: Mapped[Instant]
    due_at: Mapped[Instant | None] = date_of()
    closed_at: Mapped[Instant | None]
    outcome: Mapped[Outcome | None] = mapped_column(NumberedOrNone(Outcome), nullable=False, server_default="0")
    requested_by: Mapped[Words] = mapped_column(server_default="")
    open_tasks: Mapped[int]
    plan: Mapped[Words] = mapped_column(comment="Name of the template of the one plan of the case.")
    plan_version: Mapped[Words]
    sealed_key: Mapped[WrappedKey | None] = mapped_column(
        comment="The data key of the case, wrapped: all sealed columns of it are under this one."
    )
    sealed: Mapped[SealedBytes | None]
    updated_at: Mapped[Instant]
    erased_at: Mapped[Instant | None]
    about: Mapped[Code] = mapped_column(
        server_default="", comment="The unit complained of; empty for none. It never becomes accountable for the case."
    )
    channel: Mapped[Small] = mapped_column(server_default="0")
    dispatched_at: Mapped[Instant | None] = mapped_column(
        comment="When its unit got it; null while that is the unit it was opened for."
    )
    due_clock: Mapped[Code] = mapped_column(server_default="")


class Task(MediationModel):
    """A task of the plan of a case."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "tasks_due", text("COALESCE(due_at, '9999-01-01 00:00:00+00'::timestamp with time zone)"), "number", "task"
        ),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    task: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[TaskState] = mapped_column(Numbered(TaskState))
    unit: Mapped[Code]
    key: Mapped[Words]
    measure: Mapped[Json]
    evidence_rule: Mapped[Json]
    milestone: Mapped[bool] = mapped_column(
        server_default=false(), comment="Whether everybody in the case sees it in the progress."
    )
    optional: Mapped[bool] = mapped_column(server_default=false(), comment="Whether the case may be closed without it.")
    sealed: Mapped[SealedBytes | None] = mapped_column(
        comment="Sealed under the key of the case: measure and evidence in somebody's own words."
    )
    due_at: Mapped[Instant | None] = date_of()
    reported_at: Mapped[Instant | None]
    reported_by: Mapped[Words] = mapped_column(server_default="")
    return_reason: Mapped[Words] = mapped_column(server_default="")
    evidence: Mapped[Words] = mapped_column(server_default="")
    updated_at: Mapped[Instant]
    dispatched_at: Mapped[Instant | None] = mapped_column(
        comment="When its unit got it; null while that is the unit the plan gave it to."
    )
    due_clock: Mapped[Code | None] = clock_named("task-{task}.task")


class TaskReport(MediationModel):
    """A report that a task is done."""

    __tablename__ = "task_reports"
    __table_args__ = (
        ForeignKeyConstraint(("number", "task"), ("tasks.number", "tasks.task")),
        {"comment": "Every report that a task is done, also those that were not enough; never changed."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    task: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    report: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    evidence: Mapped[Words] = mapped_column(server_default="")
    sealed: Mapped[SealedBytes | None] = mapped_column(
        comment="Sealed under the key of the case: words, further papers and files."
    )
    reported_by: Mapped[Words]
    reported_at: Mapped[Instant]
