"""Hand-overs: what an official holds goes to a successor once all of it is acknowledged, and not before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class HandoverState(IntEnum):
    """Where a hand-over stands; the numbers are those of the contract."""

    OPEN = 1
    COMPLETED = 2
    CANCELLED = 3


def must_be_open(state: HandoverState) -> None:
    """Raise WRONG_STATE once a hand-over was completed or cancelled."""
    if state is not HandoverState.OPEN:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_the_successor(actor: str, successor: str) -> None:
    """Raise NOT_THE_SUCCESSOR: nobody says for another that the other has taken something over."""
    if actor != successor:
        raise CaseError(Reason.NOT_THE_SUCCESSOR)


def acknowledged(asked: Collection[int], items: Collection[int]) -> set[int]:
    """Return the items that are acknowledged: those asked for; INVALID_FIELD for one that is not there."""
    if strange := sorted(set(asked) - set(items)):
        raise field_error("items", Reason.INVALID_FIELD, ",".join(map(str, strange)))
    return set(asked)


def must_hold_something(subjects: Iterable[str]) -> None:
    """Raise NOTHING_HELD where there is nothing to hand over."""
    if not any(True for _ in subjects):
        raise CaseError(Reason.NOTHING_HELD)
