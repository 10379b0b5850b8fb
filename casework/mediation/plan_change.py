"""How the plan of an open case changes: what may be changed, what needs approval, what differs afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from casework.case import DONE, TaskState
from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, Reason, field_error
from casework.units import Level, UnitTree

_BY_THEMSELVES = frozenset({"court", "procuratorate"})
RUNNING = frozenset({TaskState.DISPATCHED, TaskState.SIGNED, TaskState.RETURNED})


class PlanCause(IntEnum):
    """Why there is a version of a plan; the numbers match the contract."""

    OPENED = 1
    REVISED = 2
    REPORTER_WITHDREW = 3
    REOPENED = 4
    DISPATCHED = 5
    TRANSFERRED = 6
    DATES_MOVED = 7
    MIGRATED = 8


class ChangeState(IntEnum):
    """State of a change of a plan; the numbers match the contract."""

    PROPOSED = 1
    APPLIED = 2
    REFUSED = 3
    LAPSED = 4
    WITHDRAWN = 5


class DiffKind(IntEnum):
    """What differs about a task; the numbers match the contract."""

    ADDED = 1
    CHANGED = 2
    WITHDRAWN = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """A task as a version of a plan has it; `due_at` in ISO format, empty while its clock is paused without an end."""

    task: int
    unit: str
    due_at: str
    milestone: bool = False
    optional: bool = False
    step: str = ""
    """Its step and a digest of its words; empty in versions from before that was stored."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs about one task: before is missing if it was added, after if it was withdrawn."""

    kind: DiffKind
    task: int
    before: Planned | None
    after: Planned | None


def differences(base: Iterable[Planned], then: Iterable[Planned]) -> list[Difference]:
    """Return what differs between two versions of a plan, by number of the task."""
    old, new = ({each.task: each for each in version} for version in (base, then))
    found = []
    for task in sorted(old.keys() | new.keys()):
        before, after = old.get(task), new.get(task)
        if before == after or (before and after and not before.step and replace(before, step=after.step) == after):
            continue
        kind = DiffKind.ADDED if before is None else DiffKind.WITHDRAWN if after is None else DiffKind.CHANGED
        found.append(Difference(kind, task, before, after))
    return found


def may_be_given(field: str, unit: str, accountable: str, about: str, units: UnitTree) -> None:
    """Raise unless a plan of the accountable unit may give a task to another unit.

    Allowed are units of its own area and, as in templates, departments of the areas above; others need an offer.
    Never the unit complained of, nor a court or a procuratorate, which nobody gives tasks to.
    """
    if unit not in units:
        raise field_error(field, Reason.UNKNOWN_UNIT, unit)
    must_not_judge_itself(about, unit)
    if unit == accountable:
        return
    is_department = units.known(unit).level is Level.department
    if is_department and unit.partition("-")[2] in _BY_THEMSELVES:
        raise field_error(field, Reason.UNIT_BEYOND_PLAN, unit)
    if units.contains(accountable, unit):
        return
    if not is_department or units.parent(unit) not in units.path(accountable):
        raise field_error(field, Reason.UNIT_BEYOND_PLAN, unit)


def must_be_running(field: str, state: TaskState) -> None:
    """Raise WRONG_STATE if a task is done, or was reported done and must be verified first."""
    if state not in RUNNING:
        raise CaseError(Reason.WRONG_STATE, f"{field}: {state.name}", state=state.name)


def must_be_named_once(tasks: Iterable[tuple[str, int]]) -> None:
    """Raise INVALID_FIELD if a change names one task twice."""
    seen: set[int] = set()
    for field, task in tasks:
        if task in seen:
            raise field_error(field, Reason.INVALID_FIELD, "the same task twice")
        seen.add(task)


def must_need_no_approval(proposed: bool, dropped: Iterable[int], later: Iterable[int]) -> None:
    """Raise APPROVAL_NEEDED naming the tasks unless a change is proposed; one that needs none need not be."""
    tasks = sorted({*dropped, *later})
    if tasks and not proposed:
        raise CaseError(Reason.APPROVAL_NEEDED, ", ".join(map(str, tasks)), tasks=",".join(map(str, tasks)))


def something_must_be_left(states: Mapping[int, TaskState], ended: Iterable[int], added: int) -> None:
    """Raise PLAN_EMPTY if a change leaves a plan with no task at all: such a case is closed, not left without one."""
    gone = set(ended)
    left = [task for task, state in states.items() if task not in gone and state is not TaskState.CANCELLED]
    if not left and not added:
        raise CaseError(Reason.PLAN_EMPTY)


def is_open(state: TaskState) -> bool:
    """Return whether a task is still to be done."""
    return state not in DONE
