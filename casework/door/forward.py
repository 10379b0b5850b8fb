"""Forwards (转送): a report at the wrong unit is forwarded to another one, which takes it over or sends it back.

Until another unit has it the first one remains responsible, and its time to accept runs on (首接负责制). The second
time a report is sent back, the lowest unit above both decides.

A report whose matter another unit already has is forwarded to be merged into the report there (并案提议): taken over,
it is merged. Nobody decides that for both: sent back once, the same is not proposed again, and without an answer it
lapses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum

from casework.door.complaint import lies_within, must_not_judge_itself
from casework.door.report import OPEN as OPEN_REPORT
from casework.door.report import ReportState
from casework.errors import CaseError, Reason, field_error
from casework.units import ROOT, UnitTree


class ForwardState(IntEnum):
    """State of a forward; the numbers match the contract."""

    ASKED = 1
    TAKEN_OVER = 2
    SENT_BACK = 3
    RECALLED = 4
    REFERRED = 5
    """Sent back a second time: the unit above both decides."""
    DECIDED = 6
    LAPSED = 7
    UNDONE = 8
    """Taken over and merged, and separated again."""


OPEN = (ForwardState.ASKED, ForwardState.REFERRED)
_RETURNS = 2
"""Times that a report is sent back; the last one is for the unit above both."""


def may_be_forwarded(state: ReportState, before: Sequence[ForwardState]) -> None:
    """Raise unless a report in this state, with these forwards before, may be forwarded: it waits for acceptance."""
    if state not in OPEN_REPORT:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
    must_be_with_nobody_else(before)
    if ForwardState.DECIDED in before:
        raise CaseError(Reason.DECIDED_ABOVE)
    if before.count(ForwardState.SENT_BACK) >= _RETURNS:
        raise CaseError(Reason.SENT_BACK_TWICE)


def may_be_proposed(target: str, before: Iterable[tuple[ForwardState, str]]) -> None:
    """Raise MERGE_REFUSED if the other unit said no to merging this into the same report before."""
    if (ForwardState.SENT_BACK, target) in before:
        raise CaseError(Reason.MERGE_REFUSED)


def must_be_in_time(answer_until: datetime | None, now: datetime) -> None:
    """Raise WRONG_STATE if the time to answer is over; a plain forward has none."""
    if answer_until is not None and now > answer_until:
        raise CaseError(Reason.WRONG_STATE, ForwardState.LAPSED.name, state=ForwardState.LAPSED.name)


def must_be_with_nobody_else(states: Sequence[ForwardState]) -> None:
    """Raise FORWARD_OPEN while another unit is asked about the report."""
    if any(state in OPEN for state in states):
        raise CaseError(Reason.FORWARD_OPEN)


def may_be_asked(unit: str, asked: str, about: str, units: UnitTree) -> None:
    """Raise if the other unit does not exist, already has the report, or is the one complained of."""
    if asked not in units:
        raise field_error("unit", Reason.UNKNOWN_UNIT, asked)
    if asked == unit:
        raise field_error("unit", Reason.INVALID_FIELD, asked)
    must_not_judge_itself(about, asked)


def must_be(state: ForwardState, wanted: ForwardState) -> None:
    """Raise WRONG_STATE unless a forward is in the wanted state."""
    if state is not wanted:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_open(state: ForwardState) -> None:
    """Raise WRONG_STATE if a forward has ended."""
    if state not in OPEN:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def umpire(unit: str, asked: str, before: Sequence[ForwardState], units: UnitTree) -> str:
    """Return the unit that decides once a report is sent back; empty if it simply stays where it is.

    That is so the first time, and where no unit above both is in the tree.
    """
    if before.count(ForwardState.SENT_BACK) + 1 < _RETURNS:
        return ""
    found = units.lowest_above(unit, asked)
    return "" if found == ROOT else found


def right_unit(found: str, umpire_unit: str, about: str, units: UnitTree) -> None:
    """Raise unless the umpire may give the report to this unit: it is under the umpire, and not complained of."""
    if found not in units:
        raise field_error("unit", Reason.UNKNOWN_UNIT, found)
    if not units.contains(umpire_unit, found):
        raise field_error("unit", Reason.INVALID_FIELD, found)
    must_not_judge_itself(about, found)


def is_neither(person: str, unit: str, asked: str) -> None:
    """Raise PERMISSION_DENIED if the person who decides belongs to one of the two units or a unit under one."""
    if lies_within(unit, person) or lies_within(asked, person):
        raise CaseError(Reason.PERMISSION_DENIED, person)
