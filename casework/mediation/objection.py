"""Objections to a dispatch (退单异议): not ours, says a unit; the lowest unit above both decides.

Whoever has a case answers for it until that is decided: an objection pauses nothing (首接负责制). A unit objects to a
transfer of a petition within five working days, with reasons (信访工作条例 art. 23); elsewhere the house gives one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum

from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, Reason, field_error
from casework.units import ROOT, Level, UnitTree, level_of

PETITION_CHANNEL = 6
"""The number of the petition office among the contract's doors."""


class ObjectionState(IntEnum):
    """Where an objection stands; the numbers are those of the contract."""

    MADE = 1
    UPHELD = 2
    REFUSED = 3
    WITHDRAWN = 4
    LAPSED = 5


def rule_of(petition: bool) -> str:
    """Return the name of the limit within which a dispatch is objected to."""
    return "petition_objection" if petition else "objection"


def umpire(unit: str, proposed: str, about: str, units: UnitTree) -> str:
    """Return the lowest unit above both; the unit complained of is none, since the proposed one does not lie in it.

    A field error where the proposed unit is not there, is the one that objects, or may not have the case; TOP_LEVEL
    where nobody here stands above both.
    """
    if proposed not in units:
        raise field_error("objection.proposed_unit", Reason.UNKNOWN_UNIT, proposed)
    if proposed == unit:
        raise field_error("objection.proposed_unit", Reason.INVALID_FIELD, proposed)
    must_not_judge_itself(about, proposed)
    found = _lowest_above(unit, proposed, units)
    if found == ROOT:
        raise field_error("objection.proposed_unit", Reason.TOP_LEVEL, proposed)
    return found


def _lowest_above(unit: str, proposed: str, units: UnitTree) -> str:
    one, other = units.path(unit)[:-1], units.path(proposed)[:-1]
    shared = [code for code in one if code in other and level_of(code) is not Level.department]
    return shared[-1]


def may_object(now: datetime, until: datetime, before: Iterable[ObjectionState]) -> None:
    """Raise unless the dispatch may be objected to: in time, and once; one taken back does not count."""
    if any(state is not ObjectionState.WITHDRAWN for state in before):
        raise CaseError(Reason.OBJECTED_BEFORE)
    if now > until:
        raise CaseError(Reason.OBJECTION_LATE, until.isoformat(), until=until.isoformat())


def must_be_open(state: ObjectionState) -> None:
    """Raise WRONG_STATE once there is nothing left to decide."""
    if state is not ObjectionState.MADE:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def right_unit(asked: str, proposed: str, unit: str, umpire_unit: str, about: str, units: UnitTree) -> str:
    """Return the unit the case goes to: the one proposed, or another under the umpire; never the one that objects."""
    found = asked or proposed
    if found not in units:
        raise field_error("unit", Reason.UNKNOWN_UNIT, found)
    if found == unit or not units.contains(umpire_unit, found):
        raise field_error("unit", Reason.INVALID_FIELD, found)
    must_not_judge_itself(about, found)
    return found


def is_neither(person: str, unit: str, proposed: str) -> None:
    """Raise PERMISSION_DENIED where the person who decides belongs to one of the two units, or to one under it."""
    for party in (unit, proposed):
        if person == party or (level_of(party) is not Level.department and person.startswith(party)):
            raise CaseError(Reason.PERMISSION_DENIED, person)
