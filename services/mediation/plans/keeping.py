"""Versions of plans: whatever changes which tasks there are, whose they are or when they are due, makes another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from casework.case import TaskState
from casework.mediation.plan_change import Difference, PlanCause, Planned, differences
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.mediation import store as cases
from services.mediation.models.cases import Case, Task
from services.mediation.plans import store

DECISION = "plan_decision"


def planned(tasks: Iterable[Task]) -> list[Planned]:
    """Return tasks as a version of the plan has them; those that were cancelled are not in it."""
    return [
        Planned(
            each.task, each.unit, _told(each.due_at), each.milestone, each.optional,
            step(each.key, each.measure, each.evidence_rule),
        )
        for each in tasks
        if each.state is not TaskState.CANCELLED
    ]  # fmt: skip


def _told(due: datetime | None) -> str:
    """Return a date as versions have it: the same instant is the same text."""
    return due.astimezone(UTC).isoformat(timespec="microseconds") if due else ""


def step(key: str, measure: Mapping[str, str], evidence: Mapping[str, str]) -> str:
    """Return what a version has of a task's words: its key, and digits that change with what it says."""
    words = json.dumps([measure, evidence], ensure_ascii=False, sort_keys=True)
    return f"{key}:{hashlib.sha256(words.encode()).hexdigest()[:8]}"


async def open_with(work: Work, number: str, tasks: Iterable[Mapping[str, Any]]) -> None:
    """Store the first version of the plan of a new case."""
    first = [
        Planned(
            each["task"], each["unit"], _told(each["due_at"]), each["milestone"], each["optional"],
            step(each["key"], each["measure"], each["evidence_rule"]),
        )
        for each in tasks
    ]  # fmt: skip
    await store.add_version(work.connection, number, 1, PlanCause.OPENED, first, work.now, work.actor)


async def keep(
    work: Work, number: str, cause: PlanCause, *, change: int = 0, made_by: str = "", approved_by: str = "",
    migration: int = 0, always: bool = False,
) -> tuple[int, list[Difference]]:  # fmt: skip
    """Store the plan of a locked case as it is now, if it differs or `always`; return its version and what differs."""
    before = await store.last(work.connection, number)
    now = planned(await cases.tasks_of(work.connection, number))
    found = differences(store.tasks_of(before) if before else (), now)
    version = before.plan_version if before else 0
    if not found and not always:
        return version, found
    await store.add_version(
        work.connection, number, version + 1, cause, now, work.now, made_by or work.actor, approved_by, change,
        migration,
    )  # fmt: skip
    return version + 1, found


async def begin_decision(work: Work, case: Case, change: int) -> datetime | None:
    """Start the clock of whoever must decide a proposed change, and return its date."""
    subject = store.name_of(case.number, change)
    key = f"{DECISION}-{change}"
    clock = await work.start_clock(case.number, key, DECISION, subject=subject, unit=case.unit, at=work.now)
    return clock.due_at


async def end_decision(work: Work, number: str, change: int, *, met: bool = True) -> None:
    """Stop the clock of whoever must decide a change."""
    await work.stop(number, f"{DECISION}-{change}", met=met)


async def lapse(work: Work, case: Case) -> None:
    """Let the open change of the plan lapse: the case ended or moved elsewhere."""
    for row in await store.lapse(work.connection, case.number, work.now):
        await end_decision(work, case.number, row.change, met=False)
        await work.append(NewEvent(case.number, "PlanChangeLapsed", case.unit, {"change": row.change}))
