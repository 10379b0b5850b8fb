"""What may happen to a case and its tasks, and when: stages, task states, and who may do what."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason


class Stage(IntEnum):
    """State of a case; the numbers match the contract."""

    HANDLING = 1
    HANDLED = 2
    CLOSE_REVIEW = 3
    CLOSED = 4


class TaskState(IntEnum):
    """State of a task; the numbers match the contract."""

    DISPATCHED = 1
    SIGNED = 2
    RETURNED = 3
    REPORTED = 4
    VERIFIED = 5
    CANCELLED = 6


class Outcome(IntEnum):
    """How a matter ended; the numbers match the contract."""

    AGREED = 1
    NOT_AGREED = 2
    WITHDRAWN = 3
    REFERRED = 4
    RESOLVED = 5


class Side(IntEnum):
    """On which side of a matter a party stands; the numbers match the contract."""

    APPLICANT = 1
    RESPONDENT = 2
    THIRD = 3


class Step(IntEnum):
    """The step a consent is for; the numbers match the contract."""

    MEDIATION = 1
    SESSION = 2
    EXTENSION = 3
    SETTLEMENT = 4
    JUDICIAL_CONFIRMATION = 5
    PUBLICATION = 6
    DATA_TRANSFER = 7
    REPRESENTATION = 8
    CAUCUS_HANDOVER = 9


class Ground(IntEnum):
    """Why a mediation ended (特邀调解规定 26, 深圳条例 28, 宁波条例 23 and others); the numbers match the contract."""

    AGREED = 1
    PARTY_WITHDREW = 2
    GAP_TOO_WIDE = 3
    TERM_EXPIRED = 4
    PARTY_ABSENT = 5
    PARTY_SUED = 6
    FACTS_HIDDEN = 7
    SHAM_SUSPECTED = 8
    NO_ACCORD_ON_APPRAISAL = 9
    OTHER = 10


ENDS_EARLY = frozenset({Outcome.WITHDRAWN, Outcome.NOT_AGREED, Outcome.REFERRED})
"""Outcomes that need no finished plan: no party has to stay in mediation until the paperwork is done."""

DONE = frozenset({TaskState.VERIFIED, TaskState.CANCELLED})

_TASK_BEFORE: dict[TaskState, frozenset[TaskState]] = {
    TaskState.DISPATCHED: frozenset({TaskState.RETURNED}),
    TaskState.SIGNED: frozenset({TaskState.DISPATCHED}),
    TaskState.RETURNED: frozenset({TaskState.DISPATCHED, TaskState.SIGNED}),
    TaskState.REPORTED: frozenset({TaskState.SIGNED}),
    TaskState.VERIFIED: frozenset({TaskState.REPORTED}),
}


def move_task(state: TaskState, to: TaskState) -> TaskState:
    """Return the task's new state, or raise WRONG_STATE naming its current state."""
    if state not in _TASK_BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def send_back(state: TaskState) -> TaskState:
    """Return the state of a task whose evidence was insufficient, or raise WRONG_STATE unless it was reported done."""
    if state is not TaskState.REPORTED:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {TaskState.SIGNED.name}", state=state.name)
    return TaskState.SIGNED


def someone_else(actor: str, before: str) -> None:
    """Raise SAME_PERSON if the person who verifies is the person who did it (reviewer ≠ handler)."""
    if actor == before:
        raise CaseError(Reason.SAME_PERSON)


def may_request_closing(stage: Stage, outcome: Outcome, open_tasks: int) -> None:
    """Raise unless closing may be requested: every task done, or an outcome that ends the matter early."""
    if stage not in (Stage.HANDLING, Stage.HANDLED):
        raise CaseError(Reason.WRONG_STATE, stage.name, state=stage.name)
    if open_tasks and outcome not in ENDS_EARLY:
        raise CaseError(Reason.TASKS_OPEN, str(open_tasks), open_tasks=str(open_tasks))


def must_be(stage: Stage, expected: Stage) -> None:
    """Raise WRONG_STATE unless the case is in the expected stage."""
    if stage is not expected:
        raise CaseError(Reason.WRONG_STATE, f"{stage.name} ≠ {expected.name}", state=stage.name)


def must_not_be(stage: Stage, refused: Stage) -> None:
    """Raise WRONG_STATE if the case is in a stage that does not allow this."""
    if stage is refused:
        raise CaseError(Reason.WRONG_STATE, stage.name, state=stage.name)
