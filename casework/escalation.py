"""Levels: where a matter goes when a unit lets it lie."""

from __future__ import annotations

from enum import IntEnum

from casework.errors import CaseError, Reason


class EscalationState(IntEnum):
    """Where an escalation stands; the numbers are those of the contract."""

    RAISED = 1
    ACKNOWLEDGED = 2
    RESOLVED = 3


_BEFORE = {
    EscalationState.ACKNOWLEDGED: frozenset({EscalationState.RAISED}),
    EscalationState.RESOLVED: frozenset({EscalationState.RAISED, EscalationState.ACKNOWLEDGED}),
}


def move(state: EscalationState, to: EscalationState) -> EscalationState:
    """Return the new state, or raise WRONG_STATE naming the state it is in."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to
