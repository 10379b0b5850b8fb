"""Objections to a dispatch (退单异议): a unit says the case is not its own; the lowest unit above both decides.

The unit that has a case answers for it until that is decided: an objection pauses no clock (首接负责制). A unit objects
to a transfer of a petition within five working days, with reasons (信访工作条例 art. 23); otherwise within one
working day (house default).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum

from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, Reason, field_error
from casework.units import ROOT, Level, UnitTree, level_of

PETITION_CHANNEL = 6
"""The number of the petition office among the contract's channels."""


class ObjectionState(IntEnum):
    """State of an objection; the numbers match the contract."""

    MADE = 1
    UPHELD = 2
    REFUSED = 3
    WITHDRAWN = 4
    LAPSED = 5


def rule_of(petition: bool) -> str:
    """Return the name of the time limit for objecting to a dispatch."""
    return "petition_objection" if petition else "objection"


def umpire(unit: str, proposed: str, about: str, units: UnitTree) -> str:
    """Return the lowest unit above both; never the unit complained of, since the proposed unit is not under it.

    A field error if the proposed unit does not exist, is the one that objects, or may not have the case; TOP_LEVEL
    if there is no unit above both here.
    """
    if proposed not in units:
        raise field_error("objection.proposed_unit", Reason.UNKNOWN_UNIT, proposed)
    if proposed == unit:
        raise field_error("objection.proposed_unit", Reason.INVALID_FIELD, proposed)
    must_not_judge_itself(about, proposed)
    found = units.lowest_above(unit, proposed)
    if found == ROOT:
        raise field_error("objection.proposed_unit", Reason.TOP_LEVEL, proposed)
    return found


def may_object(now: datetime, until: datetime, before: Iterable[ObjectionState]) -> None:
    """Raise unless the dispatch may be objected to: in time, and once; a withdrawn objection does not count."""
    if any(state is not ObjectionState.WITHDRAWN for state in before):
        raise CaseError(Reason.OBJECTED_BEFORE)
    if now > until:
        raise CaseError(Reason.OBJECTION_LATE, until.isoformat(), until=until.isoformat())


def must_be_open(state: ObjectionState) -> None:
    """Raise WRONG_STATE if the objection is no longer open."""
    if state is not ObjectionState.MADE:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def right_unit(asked: str, proposed: str, unit: str, umpire_unit: str, about: str, units: UnitTree) -> str:
    """Return the unit that gets the case: the one proposed, or another under the umpire; never the one that objects."""
    found = asked or proposed
    if found not in units:
        raise field_error("unit", Reason.UNKNOWN_UNIT, found)
    if found == unit or not units.contains(umpire_unit, found):
        raise field_error("unit", Reason.INVALID_FIELD, found)
    must_not_judge_itself(about, found)
    return found


def is_neither(person: str, unit: str, proposed: str) -> None:
    """Raise PERMISSION_DENIED if the person who decides belongs to one of the two units or a unit under one."""
    for party in (unit, proposed):
        if person == party or (level_of(party) is not Level.department and person.startswith(party)):
            raise CaseError(Reason.PERMISSION_DENIED, person)
