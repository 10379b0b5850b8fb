"""Early warning (发现 核查 研判 预警 防范 处置): a hazard or trend at a place, from report to verified measures."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum

from casework.clocks.calendar import LOCAL
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason


class HazardKind(IntEnum):
    """What is reported; the numbers match the contract."""

    HAZARD = 1
    TREND = 2


class WarningState(IntEnum):
    """State of a warning; the numbers match the contract."""

    REPORTED = 1
    VERIFIED = 2
    ASSESSED = 3
    DRAFTED = 4
    WARNED = 5
    MEASURES_REPORTED = 6
    CLOSED = 7
    DISMISSED = 8


OVER = frozenset({WarningState.CLOSED, WarningState.DISMISSED})
TOLD_TO_DEPARTMENT = frozenset({WarningState.WARNED, WarningState.MEASURES_REPORTED, WarningState.CLOSED})
"""States in which the department has been notified; before, a warning concerns only the unit that examines it."""
LEVELS = {"low": 1, "medium": 2, "high": 3}
NIGHT_HOURS = timedelta(hours=2)

_BEFORE: dict[WarningState, frozenset[WarningState]] = {
    WarningState.VERIFIED: frozenset({WarningState.REPORTED}),
    WarningState.DISMISSED: frozenset({WarningState.REPORTED}),
    WarningState.ASSESSED: frozenset({WarningState.VERIFIED, WarningState.DRAFTED}),
    WarningState.DRAFTED: frozenset({WarningState.ASSESSED}),
    WarningState.WARNED: frozenset({WarningState.DRAFTED, WarningState.MEASURES_REPORTED}),
    WarningState.MEASURES_REPORTED: frozenset({WarningState.WARNED}),
    WarningState.CLOSED: frozenset({WarningState.MEASURES_REPORTED}),
}


def move(state: WarningState, to: WarningState, *, linked: bool = False) -> WarningState:
    """Return the new state, or raise WRONG_STATE naming the current state.

    A warning continued as a case or a matter (`linked`) may be closed after assessment: work continues there.
    """
    if to is WarningState.CLOSED and linked and state is WarningState.ASSESSED:
        return to
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: WarningState, *allowed: WarningState) -> None:
    """Raise WRONG_STATE naming the state, if it is not one of those allowed."""
    if state not in allowed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def same_night(reported_at: datetime) -> datetime | None:
    """Return until when an urgent report must be verified if midnight would be too soon; None for midnight.

    "Not overnight" (不过夜) means until midnight. A report after 22:00 still has two hours.
    """
    local = reported_at.astimezone(LOCAL)
    until = local + NIGHT_HOURS
    return until if until.date() > local.date() else None


def is_concerned(unit: str, place: str, addressee: str) -> bool:
    """Tell whether this unit belongs to the place of the hazard, or to the department that is warned."""
    return lies_within(place, unit) or lies_within(addressee, unit)
