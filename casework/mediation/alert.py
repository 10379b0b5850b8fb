"""An alert for danger to life (人民调解法 art. 25): decided by a second person, reviewed by a third."""

from __future__ import annotations

from enum import IntEnum

from casework.case import someone_else
from casework.errors import CaseError, Reason


class AlertState(IntEnum):
    """State of an alert; the numbers match the contract."""

    REQUESTED = 1
    APPROVED = 2
    REFUSED = 3
    JUSTIFIED = 4
    NOT_JUSTIFIED = 5


def decide(state: AlertState, approved: bool, actor: str, requester: str) -> AlertState:
    """Return the state after the decision; SAME_PERSON if the person who asked would decide."""
    _must_be(state, AlertState.REQUESTED)
    someone_else(actor, requester)
    return AlertState.APPROVED if approved else AlertState.REFUSED


def review(state: AlertState, justified: bool, actor: str, requester: str, approver: str) -> AlertState:
    """Return the state after the review; SAME_PERSON if a person who asked or approved would review."""
    _must_be(state, AlertState.APPROVED)
    someone_else(actor, requester)
    someone_else(actor, approver)
    return AlertState.JUSTIFIED if justified else AlertState.NOT_JUSTIFIED


def _must_be(state: AlertState, expected: AlertState) -> None:
    if state is not expected:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
