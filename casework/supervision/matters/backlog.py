"""Backlog (积案): matters open for long, in age bands; plans to clear them, whose counts fall only by settled work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum, StrEnum

from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason, field_error


class PlanState(IntEnum):
    """State of a plan; the numbers match the contract."""

    DRAFTED = 1
    RUNNING = 2
    REACHED = 3
    DROPPED = 4
    ENDED = 5


TOLD = frozenset({PlanState.RUNNING, PlanState.REACHED, PlanState.ENDED})
"""States in which the units with a target see a plan."""


class Fate(IntEnum):
    """What became of a matter that a plan counts; the numbers match the contract."""

    OPEN = 1
    SETTLED = 2
    LEFT = 3


class SettledBy(StrEnum):
    """Outcomes of a case, reviewed by another person, that settle it.

    Not: a side withdrew, or the matter was referred to another body. Those are over, but nobody settled them.
    """

    AGREED = "AGREED"
    NOT_AGREED = "NOT_AGREED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class BacklogRule:
    """From which age an open matter is backlog, and the bands of age; house defaults."""

    version: str
    basis: str
    over_days: int
    bands: tuple[int, ...]

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The bands as ages from and up to, not included; 0 for no end."""
        starts = (self.over_days, *self.bands)
        return tuple(zip(starts, (*self.bands, 0), strict=True))

    def band_of(self, age: int) -> tuple[int, int]:
        """Return the band of an age in days."""
        return next((low, high) for low, high in reversed(self.ranges) if age >= low)


def received_before(day: date, age: int) -> date:
    """Return the day on or before which a matter was received that has at least this age on a day."""
    return day - timedelta(days=age)


def must_not_overlap(units: Sequence[str]) -> None:
    """Raise INVALID_FIELD naming the goal whose unit is that of an earlier goal, or lies above or under it."""
    for index, unit in enumerate(units):
        if any(lies_within(other, unit) or lies_within(unit, other) for other in units[:index]):
            raise field_error(f"goals[{index}].unit", Reason.INVALID_FIELD, unit)


def must_be(state: PlanState, *allowed: PlanState) -> None:
    """Raise WRONG_STATE naming the state, if it is not one of those allowed."""
    if state not in allowed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def decided(state: PlanState, *, approved: bool, by: str, drafted_by: str) -> PlanState:
    """Return the state after a decision by another person than the drafter."""
    must_be(state, PlanState.DRAFTED)
    if by == drafted_by:
        raise CaseError(Reason.SAME_PERSON)
    return PlanState.RUNNING if approved else PlanState.DROPPED


def may_end(state: PlanState, *, by: str, late: Iterable[str]) -> None:
    """Raise unless a running plan may be ended by somebody of a unit: its own late target is no reason to end it.

    A unit that is late ends no plan; the level above it does.
    """
    must_be(state, PlanState.RUNNING)
    if by in late:
        raise CaseError(Reason.OWN_TARGET_LATE, by)


def must_be_settled(settled: int, count: int) -> None:
    """Raise TASKS_OPEN if fewer matters are settled than the target says."""
    if settled < count:
        raise CaseError(Reason.TASKS_OPEN, f"{settled} < {count}")


def after_report(reached: Iterable[bool]) -> PlanState:
    """Return the state of a plan once a target was reported: reached with the last one."""
    return PlanState.REACHED if all(reached) else PlanState.RUNNING
