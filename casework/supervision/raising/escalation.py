"""Escalation levels: where a matter goes when a unit neglects it."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason, field_error
from casework.units import UnitTree


class EscalationState(IntEnum):
    """State of an escalation; the numbers match the contract."""

    RAISED = 1
    ACKNOWLEDGED = 2
    RESOLVED = 3
    CLIMBED = 4
    RETURNED = 5
    TOP = 6


class RaisedTo(IntEnum):
    """Why a level gets it: to be informed, or to become accountable; the numbers match the contract."""

    INFORM = 1
    TRANSFER = 2


WITH_THE_LEVEL = frozenset({EscalationState.RAISED, EscalationState.ACKNOWLEDGED})
"""States in which the level it was raised to has it and its clocks run."""
PASSED_ON = (EscalationState.RESOLVED, EscalationState.CLIMBED)
"""States in which no unit is working on it: it is resolved, or the next level has it."""

_BEFORE = {
    EscalationState.ACKNOWLEDGED: frozenset({EscalationState.RAISED}),
    # A level that let it climb cannot resolve it any more: only the level that now has it can.
    EscalationState.RESOLVED: WITH_THE_LEVEL | {EscalationState.RETURNED, EscalationState.TOP},
    EscalationState.RETURNED: WITH_THE_LEVEL | {EscalationState.TOP},
}


def move(state: EscalationState, to: EscalationState) -> EscalationState:
    """Return the new state, or raise WRONG_STATE naming the current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def return_unit(asked: str, from_unit: str, origin: str, to_unit: str, units: UnitTree) -> str:
    """Return the unit a matter is handed back to: the requested one on its way up, or the one it came from.

    WRONG_STATE for an office inside a unit, which cannot hand back; INVALID_FIELD for a unit not on that way.
    """
    if from_unit == to_unit:
        raise CaseError(Reason.WRONG_STATE, f"it never left {to_unit}", state="OFFICE")
    unit = asked or from_unit
    way = units.path(origin)
    below = way[way.index(to_unit) + 1 :] if to_unit in way else ()
    if unit not in below and unit != from_unit:
        raise field_error("unit", Reason.INVALID_FIELD, unit)
    return unit
