"""Mediation's rows as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.mediation.v1 import case_pb2 as pb

from casework import names
from casework.case import TaskState
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.sealing import CaseSealer
from services.mediation import words
from services.mediation.models.cases import Case, Task, TaskReport


def case(row: Case, now: datetime) -> pb.Case:
    """Return a case."""
    return pb.Case(
        name=names.case_name(row.number),
        etag=str(row.version),
        report=names.report_name(row.number),
        unit=names.unit_name(row.unit),
        about_unit=names.unit_name(row.about),
        category=f"categories/{row.category}",
        receive_time=stamp(row.received_at),
        open_time=stamp(row.opened_at),
        due_time=stamp(row.due_at),
        overdue=row.due_at is not None and row.due_at < (row.closed_at or now),
        close_time=stamp(row.closed_at),
        open_tasks=row.open_tasks,
        update_time=stamp(row.updated_at),
        **numbers(stage=row.stage, channel=row.channel, grade=row.grade, outcome=row.outcome),
    )


def task(row: Task, language: str, now: datetime, sealed: CaseSealer | None = None) -> pb.Task:
    """Return a task, in the caller's language; with `sealed` in the own words of whoever added it."""
    own = words.own(row, sealed)
    return pb.Task(
        name=names.task_name(row.number, row.task),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        measure=own.measure or row.measure[language],
        evidence_required=own.evidence_required or row.evidence_rule[language],
        due_time=stamp(row.due_at),
        overdue=_is_overdue(row, now),
        return_reason=row.return_reason,
        evidence=row.evidence,
        template_key=row.key,
        milestone=row.milestone,
        optional=row.optional,
        update_time=stamp(row.updated_at),
        **numbers(state=row.state),
    )


def reports(found: Sequence[TaskReport], sealed: CaseSealer | None) -> list[pb.TaskReport]:
    """Return the reports of a task; with `sealed` with words, further papers and files."""
    told: list[pb.TaskReport] = []
    for row in found:
        each = pb.TaskReport.FromString(sealed.open(row.sealed)) if sealed and row.sealed else pb.TaskReport()
        each.MergeFrom(
            pb.TaskReport(evidence=row.evidence, reported_by=row.reported_by, report_time=stamp(row.reported_at))
        )
        told.append(each)
    return told


def _is_overdue(row: Task, now: datetime) -> bool:
    """Return whether a task's deadline passed before it was reported done; `store.listed_tasks` filters by the same."""
    return row.state is not TaskState.CANCELLED and row.due_at is not None and row.due_at < (row.reported_at or now)


def plan(
    row: Case, tasks: Sequence[Task], language: str, now: datetime, version: int, sealed: CaseSealer | None
) -> pb.Plan:
    """Return the one plan of a case."""
    return pb.Plan(
        name=f"{names.case_name(row.number)}/plan",
        template=row.plan,
        template_version=row.plan_version,
        tasks=[task(each, language, now, sealed) for each in tasks],
        adopt_time=stamp(row.opened_at),
        version=version,
        etag=str(version),
    )
