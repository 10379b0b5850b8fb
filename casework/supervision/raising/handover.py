"""Hand-overs: an official's duties pass to a successor only once all of them are acknowledged."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class HandoverState(IntEnum):
    """State of a hand-over; the numbers match the contract."""

    OPEN = 1
    COMPLETED = 2
    CANCELLED = 3


def must_be_open(state: HandoverState) -> None:
    """Raise WRONG_STATE once a hand-over was completed or cancelled."""
    if state is not HandoverState.OPEN:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_the_successor(actor: str, successor: str) -> None:
    """Raise NOT_THE_SUCCESSOR unless the caller is the successor: nobody can acknowledge for another."""
    if actor != successor:
        raise CaseError(Reason.NOT_THE_SUCCESSOR)


def acknowledged(asked: Collection[int], items: Collection[int]) -> set[int]:
    """Return the items to acknowledge; INVALID_FIELD for one that does not exist."""
    if strange := sorted(set(asked) - set(items)):
        raise field_error("items", Reason.INVALID_FIELD, ",".join(map(str, strange)))
    return set(asked)


def must_hold_something(subjects: Iterable[str]) -> None:
    """Raise NOTHING_HELD if there is nothing to hand over."""
    if not any(True for _ in subjects):
        raise CaseError(Reason.NOTHING_HELD)
