"""Offers (提议移送): a unit offers a case or a task to another one, which accepts or declines it.

Until it is accepted the offering unit stays responsible, and no deadline moves (首接负责制).
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from casework.case import TaskState
from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, Reason, field_error
from casework.units import UnitTree


class OfferState(IntEnum):
    """State of an offer; the numbers match the contract."""

    MADE = 1
    ACCEPTED = 2
    DECLINED = 3
    WITHDRAWN = 4
    LAPSED = 5


def may_be_offered(unit: str, offered: str, about: str, units: UnitTree) -> None:
    """Raise if the other unit does not exist, already has it, or is the one complained of."""
    if offered not in units:
        raise field_error("offer.offered_unit", Reason.UNKNOWN_UNIT, offered)
    if offered == unit:
        raise field_error("offer.offered_unit", Reason.INVALID_FIELD, offered)
    must_not_judge_itself(about, offered)


def task_may_move(state: TaskState, unit: str, accountable: str) -> None:
    """Raise unless the accountable unit has the task: it is its own and open, or was returned to it."""
    own = unit == accountable and state in (TaskState.DISPATCHED, TaskState.SIGNED)
    if not own and state is not TaskState.RETURNED:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_open(state: OfferState, until: datetime | None, now: datetime) -> None:
    """Raise WRONG_STATE if the offer is no longer open; the time to answer ends at its deadline, fired or not."""
    if state is OfferState.MADE and until is not None and now > until:
        state = OfferState.LAPSED
    if state is not OfferState.MADE:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
