"""The caucus compartment: who may read it, and when a sheet of undisputed facts may leave it."""

from __future__ import annotations

from collections.abc import Iterable

from casework.case import Side
from casework.errors import CaseError, Reason


def side_of(word: str) -> Side:
    """Return the side named in `caucuses/{side}`."""
    return Side[word.upper()]


def may_read(subject: str, mediator: str, side: int, sides: Iterable[int]) -> bool:
    """Return whether a person may read a side's compartment: the mediator of record, or an account of that side only.

    Nobody else, in any role: not the head of the unit, a reviewer, a worker or a system administrator. An account
    bound to two sides reads neither.
    """
    if not subject:
        return False
    return subject == mediator or set(sides) == {side}


def is_released(parties: Iterable[int], signed: Iterable[int]) -> bool:
    """Return whether every party has signed a sheet, so that it may leave (深圳条例 art. 73)."""
    needed = set(parties)
    return bool(needed) and needed <= set(signed)


def must_be_released(released: bool) -> None:
    """Raise NOT_RELEASED while a sheet lacks a signature."""
    if not released:
        raise CaseError(Reason.NOT_RELEASED)
