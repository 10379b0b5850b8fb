"""Dispatch meetings (定期调度): prepared from the ledger, held, and followed up until every decision is done."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason


class MeetingState(IntEnum):
    """State of a meeting; the numbers match the contract."""

    PREPARED = 1
    HELD = 2
    CLOSED = 3


class AgendaReason(IntEnum):
    """Why an item is on an agenda, never because of a person; the numbers match the contract."""

    OVERDUE = 1
    HIGH_GRADE = 2
    STUCK = 3
    RETURNED = 4
    OPEN_ITEM = 5


class DecisionState(IntEnum):
    """State of a meeting's decision; the numbers match the contract."""

    OPEN = 1
    REPORTED = 2
    DONE = 3


MINUTES, TASK, VERIFICATION = "meeting_minutes", "meeting_decision", "meeting_verification"
"""The rules of the clocks a meeting has."""


def hold(state: MeetingState) -> MeetingState:
    """Return the state of a meeting that was held, or raise WRONG_STATE."""
    _must(state, MeetingState.PREPARED)
    return MeetingState.HELD


def check_held(state: MeetingState) -> None:
    """Raise unless the meeting was held and is not closed: only such a meeting takes minutes and decisions."""
    _must(state, MeetingState.HELD)


def close(state: MeetingState, *, minutes: bool, still_open: int) -> MeetingState:
    """Return the closed state, or raise unless it was held, its minutes are written and all its decisions are done."""
    _must(state, MeetingState.HELD)
    if not minutes:
        raise CaseError(Reason.WRONG_STATE, "minutes", state=state.name)
    if still_open:
        raise CaseError(Reason.TASKS_OPEN, str(still_open))
    return MeetingState.CLOSED


def report(state: DecisionState) -> DecisionState:
    """Return the state of a decision that its unit reports as done, or raise WRONG_STATE."""
    if state is not DecisionState.OPEN:
        raise _wrong(state)
    return DecisionState.REPORTED


def verify(state: DecisionState, done: bool, actor: str, reporter: str) -> DecisionState:
    """Return the state after another unit verified it: done, or open again. The reporter cannot verify it."""
    if state is not DecisionState.REPORTED:
        raise _wrong(state)
    if actor == reporter:
        raise CaseError(Reason.SAME_PERSON)
    return DecisionState.DONE if done else DecisionState.OPEN


def _must(state: MeetingState, wanted: MeetingState) -> None:
    if state is not wanted:
        raise _wrong(state)


def _wrong(state: MeetingState | DecisionState) -> CaseError:
    return CaseError(Reason.WRONG_STATE, state.name, state=state.name)
