"""Versions and changes of plans as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from pb.mediation.v1 import case_plan_pb2 as pb

from casework import names
from casework.mediation.plan_change import Difference, differences
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.sealing import CaseSealer
from services.mediation.models.plans import PlanChange, PlanVersion
from services.mediation.plans import store


def change(row: PlanChange, opener: CaseSealer | None = None) -> pb.PlanChange:
    """Return a change, with what is sealed where there is an opener."""
    told = said(row, opener)
    return pb.PlanChange(
        name=store.name_of(row.number, row.change),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        revision=told.revision if told else None,
        reason=told.reason if told else "",
        base_version=row.base,
        version=row.made,
        proposed_by=row.proposed_by,
        propose_time=stamp(row.proposed_at),
        decided_by=row.decided_by,
        decide_time=stamp(row.decided_at),
        decide_until_time=stamp(row.decide_until),
        note=opener.open(row.note).decode() if opener and row.note else "",
        **numbers(state=row.state),
    )


def said(row: PlanChange, opener: CaseSealer | None) -> pb.PlanChange | None:
    """Return what is changed and why; None without an opener."""
    return pb.PlanChange.FromString(opener.open(row.sealed)) if opener else None


def versions(
    rows: Sequence[PlanVersion], changes: Iterable[PlanChange], opener: CaseSealer | None, measures: Mapping[int, str],
    migrations: Mapping[int, str],
) -> list[pb.PlanVersion]:  # fmt: skip
    """Return the versions of a plan, each with what differs from the one before; `migrations` are reasons of such."""
    reasons = {each.change: words.reason for each in changes if (words := said(each, opener))}
    found: list[pb.PlanVersion] = []
    before: PlanVersion | None = None
    for row in rows:
        told = pb.PlanVersion(
            version=row.plan_version,
            change=store.name_of(row.number, row.change) if row.change else "",
            reason=migrations.get(row.migration, "") or reasons.get(row.change, ""),
            migration=f"planMigrations/{row.migration}" if row.migration else "",
            made_by=row.made_by,
            approved_by=row.approved_by,
            make_time=stamp(row.made_at),
            tasks=len(row.tasks),
            diffs=diffs(row.number, before, row, measures) if before else (),
            **numbers(cause=row.cause),
        )
        found.append(told)
        before = row
    return found


def diffs(number: str, base: PlanVersion, then: PlanVersion, measures: Mapping[int, str]) -> list[pb.TaskDiff]:
    """Return what differs between two versions of a plan, the measures in words."""
    found = differences(store.tasks_of(base), store.tasks_of(then))
    return [_diff(number, each, measures.get(each.task, "")) for each in found]


def _diff(number: str, found: Difference, measure: str) -> pb.TaskDiff:
    before, after = found.before, found.after
    return pb.TaskDiff(
        task=names.task_name(number, found.task),
        measure=measure,
        unit_before=names.unit_name(before.unit) if before else "",
        unit_after=names.unit_name(after.unit) if after else "",
        due_before=_due(before.due_at) if before else None,
        due_after=_due(after.due_at) if after else None,
        step_before=before.step.partition(":")[0] if before else "",
        step_after=after.step.partition(":")[0] if after else "",
        **numbers(kind=found.kind),
    )


def _due(text: str) -> Timestamp | None:
    return stamp(datetime.fromisoformat(text)) if text else None
