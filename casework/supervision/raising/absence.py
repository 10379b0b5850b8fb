"""Absences: who covers for whom on which days, and which absences are invalid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class AbsenceState(IntEnum):
    """State of an absence; the numbers match the contract."""

    PLANNED = 1
    RUNNING = 2
    ENDED = 3


@dataclass(frozen=True, slots=True)
class Absence:
    """Days, both included, on which `cover` stands in for `official` in that official's duties for a unit."""

    unit: str
    official: str
    cover: str
    first: date
    last: date

    def overlaps(self, other: Absence) -> bool:
        """Tell whether the two share a day."""
        return self.first <= other.last and other.first <= self.last


def state_of(first: date, last: date, ended: bool, today: date) -> AbsenceState:
    """Return an absence's state today: it begins and ends with its days, independent of any clock."""
    if ended or today > last:
        return AbsenceState.ENDED
    return AbsenceState.RUNNING if first <= today else AbsenceState.PLANNED


def check(new: Absence, others: Iterable[Absence], today: date) -> None:
    """Raise for an invalid absence: no such days, covering for oneself, two at a time, or a circle.

    `others` are the unit's absences that are not over.
    """
    if new.cover == new.official:
        raise field_error("absence.cover", Reason.INVALID_FIELD, new.cover)
    if new.last < new.first or new.last < today:
        raise field_error("absence.last_date", Reason.INVALID_FIELD, new.last.isoformat())
    beside = [each for each in others if each.unit == new.unit and each.overlaps(new)]
    if any(each.official == new.official for each in beside):
        raise CaseError(Reason.ALREADY_EXISTS, new.official)
    covers = {each.official: each.cover for each in beside}
    standing_in, seen = new.cover, {new.official}
    while standing_in not in seen:
        seen.add(standing_in)
        standing_in = covers.get(standing_in, standing_in)
    if standing_in == new.official:
        raise field_error(
            "absence.cover", Reason.INVALID_FIELD, f"{new.cover} is absent too, covered by {new.official}"
        )
