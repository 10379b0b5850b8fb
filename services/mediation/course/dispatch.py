"""Dispatch: which unit is accountable for a case or does a task of it. No deadline moves."""

from __future__ import annotations

from casework import names
from casework.case import TaskState
from casework.errors import CaseError, Reason
from casework.mediation.objection import ObjectionState
from casework.mediation.plan_change import PlanCause
from services.kit.clocks import clocks
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.mediation import store
from services.mediation.models.cases import Case, Task
from services.mediation.notices import store as notices
from services.mediation.objections import store as objections
from services.mediation.offers import store as offers
from services.mediation.opening import task_key
from services.mediation.plans import keeping

DECISION = "objection_decision"
ANSWER = "offer_answer"


async def move_case(work: Work, row: Case, unit: str) -> Case:
    """Make another unit accountable; open tasks and clocks of the old unit move with it. Return the case's new row."""
    await lapse(work, row, of_unit=row.unit)
    changed = await store.change(work.connection, row.number, work.now, unit=unit, dispatched_at=work.now)
    await store.transfer(work.connection, row.number, row.unit, unit, work.now)
    await clocks.hand_over(work.connection, row.number, row.unit, unit)
    await notices.follow(work.connection, row.number, unit)
    await keeping.lapse(work, row)
    await keeping.keep(work, row.number, PlanCause.TRANSFERRED)
    await work.append(NewEvent(row.number, "CaseTransferred", unit, {"from": row.unit, "to": unit}))
    return changed


async def move_task(work: Work, case: Case, row: Task, unit: str) -> Task:
    """Give a task to another unit, which makes a new version of the plan. Return the task's new row."""
    changed = await hand_task(work, case, row, unit)
    await keeping.keep(work, case.number, PlanCause.DISPATCHED)
    return changed


async def hand_task(work: Work, case: Case, row: Task, unit: str) -> Task:
    """Give a task to another unit, which must acknowledge it; its deadline runs on. Return the task's new row."""
    await lapse_offers(work, case, row.task)
    changed = await store.change_task(
        work.connection, row.number, row.task, work.now, unit=unit, state=TaskState.DISPATCHED,
        dispatched_at=work.now,
    )  # fmt: skip
    await clocks.reassign(work.connection, row.number, task_key(row.task, "task"), unit)
    if row.state is TaskState.DISPATCHED:
        # The time to acknowledge runs on as well: the other unit has what is left of it.
        await clocks.reassign(work.connection, row.number, task_key(row.task, "sign%"), unit)
    else:
        key = f"{task_key(row.task, 'sign')}-{changed.version}"
        subject = names.task_name(row.number, row.task)
        await work.start_clock(row.number, key, "sign", subject=subject, unit=unit, at=work.now)
    await work.append(NewEvent(row.number, "TaskDispatched", case.unit, {"task": row.task, "unit": unit}))
    return changed


async def must_be_undisputed(work: Work, case: Case, task: Task | None = None) -> None:
    """Raise an error if the dispatch is for the unit above both to decide: nothing is handed on before it has.

    OBJECTION_OPEN while an objection is open; UMPIRE_DECIDES for the unit that lost the decision, whether the objection
    was refused or the case or task was assigned to it by the decision. A unit at or above the deciding one may still
    transfer a case elsewhere.
    """
    unit, at = (task.unit, task.dispatched_at) if task is not None else (case.unit, case.dispatched_at)
    since, call = at or case.opened_at, work.call
    for row in await objections.about(work.connection, case.number, task.task if task is not None else 0):
        if task is None and call.access.lies_under(row.umpire, call.caller.unit):
            continue
        if row.state == ObjectionState.MADE:
            raise CaseError(Reason.OBJECTION_OPEN)
        refused = row.state == ObjectionState.REFUSED and (row.unit, row.dispatched_at) == (unit, since)
        upheld = row.state == ObjectionState.UPHELD and (row.right_unit, row.ended_at) == (unit, since)
        if refused or upheld:
            raise CaseError(Reason.UMPIRE_DECIDES)


async def lapse(work: Work, case: Case, *, task: int | None = None, of_unit: str | None = None) -> None:
    """Let open objections and offers lapse: the dispatch they are about is over.

    Those about a task; or those of a unit that no longer has the case; or, if neither is named, all of the case.
    """
    for row in await objections.lapse(work.connection, case.number, task, of_unit, work.now):
        await work.stop(case.number, f"{DECISION}-{row.objection}", met=False)
        payload = {"objection": row.objection, "state": ObjectionState.LAPSED.name}
        await work.append(NewEvent(case.number, "ObjectionLapsed", case.unit, payload))
    await lapse_offers(work, case, task)


async def lapse_offers(work: Work, case: Case, task: int | None = None) -> None:
    """Let open offers lapse, of a task or all of the case: it ended or moved elsewhere."""
    for row in await offers.lapse(work.connection, case.number, task, work.now):
        await work.stop(case.number, f"{ANSWER}-{row.offer}", met=False)
        payload = {"offer": row.offer, "task": row.task, "unit": row.unit, "offered": row.offered, "state": "LAPSED"}
        await work.append(NewEvent(case.number, "OfferLapsed", case.unit, payload))
