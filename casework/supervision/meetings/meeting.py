"""Dispatch meetings (定期调度): prepared from the ledger, held, and followed up until every decision is done."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason


class MeetingState(IntEnum):
    """Where a meeting stands; the numbers are those of the contract."""

    PREPARED = 1
    HELD = 2
    CLOSED = 3


class AgendaReason(IntEnum):
    """Why something is on an agenda; the numbers are those of the contract. None is about a person."""

    OVERDUE = 1
    HIGH_GRADE = 2
    STUCK = 3
    RETURNED = 4
    OPEN_ITEM = 5


class DecisionState(IntEnum):
    """Where what a meeting decided stands; the numbers are those of the contract."""

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
    """Raise unless the meeting was held and is not closed: minutes and decisions are of such a one."""
    _must(state, MeetingState.HELD)


def close(state: MeetingState, *, minutes: bool, still_open: int) -> MeetingState:
    """Return the closed state, or raise: it was held, its minutes are written, everything it decided is done."""
    _must(state, MeetingState.HELD)
    if not minutes:
        raise CaseError(Reason.WRONG_STATE, "minutes", state=state.name)
    if still_open:
        raise CaseError(Reason.TASKS_OPEN, str(still_open))
    return MeetingState.CLOSED


def report(state: DecisionState) -> DecisionState:
    """Return the state of a decision that its unit reports done, or raise WRONG_STATE."""
    if state is not DecisionState.OPEN:
        raise _wrong(state)
    return DecisionState.REPORTED


def verify(state: DecisionState, done: bool, actor: str, reporter: str) -> DecisionState:
    """Return the state after another unit looked: done, or open again. Whoever reported it cannot be the one."""
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
