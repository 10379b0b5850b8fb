"""Long-term monitoring (长期跟踪) of a matter that cannot be settled now: reviewed regularly, never shelved."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason


class MonitoringState(IntEnum):
    """State of a monitoring; the numbers match the contract."""

    ACTIVE = 1
    TAKEN_UP = 2
    LAWFULLY_ENDED = 3


class Interval(IntEnum):
    """How often it is reviewed; the numbers match the contract."""

    MONTH = 1
    QUARTER = 2
    HALF_YEAR = 3


class Finding(IntEnum):
    """What a review found; the numbers match the contract."""

    UNCHANGED = 1
    CLOSER = 2
    WORSE = 3
    CONDITIONS_MET = 4


RULES = {
    Interval.MONTH: "monitoring_month",
    Interval.QUARTER: "monitoring_quarter",
    Interval.HALF_YEAR: "monitoring_half_year",
}
"""The rule of the review's clock."""


def must_be_active(state: MonitoringState) -> None:
    """Raise WRONG_STATE naming the state of a monitoring that has ended."""
    if state is not MonitoringState.ACTIVE:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def may_begin(running: bool) -> None:
    """Raise WRONG_STATE if the matter is already monitored."""
    if running:
        raise CaseError(Reason.WRONG_STATE, MonitoringState.ACTIVE.name, state=MonitoringState.ACTIVE.name)


def end(state: MonitoringState, to: MonitoringState, ender: str, beginner: str) -> MonitoringState:
    """Return its final state; SAME_PERSON if the person who began it ends it."""
    must_be_active(state)
    if ender == beginner:
        raise CaseError(Reason.SAME_PERSON)
    return to
