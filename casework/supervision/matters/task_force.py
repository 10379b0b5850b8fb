"""Task forces (工作专班): ordered, set up, dissolved; tasks that are reported by one person and checked by another."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class ForceState(IntEnum):
    """State of a task force; the numbers match the contract."""

    ORDERED = 1
    WORKING = 2
    DISSOLVED = 3


class TaskState(IntEnum):
    """State of one of its tasks; the numbers match the contract."""

    OPEN = 1
    REPORTED = 2
    DONE = 3


def must_be(state: ForceState, expected: ForceState) -> None:
    """Raise WRONG_STATE naming the state unless it is the one expected."""
    if state is not expected:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def may_order(state: ForceState | None) -> None:
    """Raise WRONG_STATE if the matter already has a task force: only one at a time."""
    if state is not None and state is not ForceState.DISSOLVED:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def report(state: TaskState) -> TaskState:
    """Return the state of a task that was reported done."""
    if state is not TaskState.OPEN:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → REPORTED", state=state.name)
    return TaskState.REPORTED


def verify(state: TaskState, sufficient: bool, verifier: str, reporter: str) -> TaskState:
    """Return the state of a task that was checked; SAME_PERSON if the person who reported it checks it."""
    if state is not TaskState.REPORTED:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → DONE", state=state.name)
    if verifier == reporter:
        raise CaseError(Reason.SAME_PERSON)
    return TaskState.DONE if sufficient else TaskState.OPEN


def may_dissolve(open_tasks: int) -> None:
    """Raise TASKS_OPEN while a task is not done: no task is lost with the task force."""
    if open_tasks:
        raise CaseError(Reason.TASKS_OPEN, str(open_tasks), open=str(open_tasks))


def must_be_member(unit: str, members: Collection[str], field: str) -> None:
    """Raise INVALID_FIELD if the unit is not a member."""
    if unit not in members:
        raise field_error(field, Reason.INVALID_FIELD, unit)


def must_have_no_task(leaving: Collection[str], busy: Collection[str]) -> None:
    """Raise TASKS_OPEN if a unit that leaves has an open task."""
    if stays := sorted(set(leaving) & set(busy)):
        raise CaseError(Reason.TASKS_OPEN, ", ".join(stays), units=",".join(stays))
