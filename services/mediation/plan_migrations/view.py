"""Migrations as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pb.mediation.v1 import plan_migrations_pb2 as pb

from casework import names
from casework.errors import TEXTS, CaseError, Reason
from casework.mediation.plan import TaskTemplate
from casework.mediation.plans.moving import Move
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.cases import Case, Task
from services.mediation.plan_migrations import store
from services.mediation.plan_migrations.models import PlanMigration, PlanMigrationRow


def migration(row: PlanMigration, left: int) -> pb.PlanMigration:
    """Return a migration; `left` is how many cases are left at the old version."""
    return pb.PlanMigration(
        name=store.name_of(row.migration),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        from_type=f"planTypes/{row.from_type}/versions/{row.from_version}",
        to_type=f"planTypes/{row.to_type}/versions/{row.to_version}",
        mappings=[pb.StepMapping(step=step, becomes=becomes) for step, becomes in sorted(row.mapping.items())],
        reason=row.reason,
        moved=row.moved,
        left=left,
        proposed_by=row.proposed_by,
        propose_time=stamp(row.proposed_at),
        decided_by=row.decided_by,
        decide_time=stamp(row.decided_at),
        **numbers(state=row.state),
    )


def row(found: PlanMigrationRow, language: str) -> pb.PlanMigrationRow:
    """Return a row of the report."""
    return pb.PlanMigrationRow(
        case=names.case_name(found.number),
        obstacle=found.obstacle,
        obstacle_text=_text(found.obstacle, language),
        plan_version=found.plan_version,
        try_time=stamp(found.tried_at),
    )


def obstacle(case: Case, error: CaseError, language: str) -> pb.PlanMigrationPreview:
    """Return a case that cannot move now, and why."""
    return pb.PlanMigrationPreview(
        case=names.case_name(case.number),
        unit=names.unit_name(case.unit),
        obstacle=error.reason.value,
        obstacle_text=_text(error.reason.value, language),
    )


def preview(
    case: Case, found: Iterable[Move], tasks: Mapping[int, Task], units: Mapping[str, str], language: str
) -> pb.PlanMigrationPreview:
    """Return a case that would move, and how; `units` are those that would get what is added, by step."""
    return pb.PlanMigrationPreview(
        case=names.case_name(case.number),
        unit=names.unit_name(case.unit),
        moves=[_move(case.number, each, tasks.get(each.task), units, language) for each in found],
    )


def _move(number: str, found: Move, task: Task | None, units: Mapping[str, str], language: str) -> pb.PlanMove:
    after = found.then.key if found.then else ""
    unit = task.unit if task else units[after]
    return pb.PlanMove(
        task=names.task_name(number, found.task) if task else "",
        step_before=found.before,
        step_after=after,
        measure_before=str(task.measure[language]) if task else "",
        measure_after=_measure(found.then, language) if found.then else "",
        unit=names.unit_name(unit),
        due_time=stamp(task.due_at if task else None),
        **numbers(kind=found.kind, state=task.state if task else None),
    )


def _measure(step: TaskTemplate, language: str) -> str:
    return step.en if language == "en" else step.zh


def _text(code: str, language: str) -> str:
    if not code:
        return ""
    text = TEXTS[Reason(code)]
    return text.en if language == "en" else text.zh
