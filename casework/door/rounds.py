"""What a grid worker saw: when it was seen and when it came in, and whether they served then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from casework.errors import CaseError, Reason, field_error

SKEW = timedelta(minutes=5)
"""By how much a phone's clock may be fast: within it, what was seen counts as seen when it came in."""
LATEST = timedelta(days=14)
"""How long a report may wait on a phone without a network (a house default)."""


AUTHORITIES = frozenset({"court", "police", "petition", "hotline"})
"""Departments whose officers hand matters over to the centre above them, each in its own name (rules/access)."""


def hands_over(filer: str, to: str) -> bool:
    """Tell whether who works in a unit hands a matter over for an authority: to another unit than its own."""
    return filer.partition("-")[2] in AUTHORITIES and to != filer


@dataclass(frozen=True, slots=True)
class Term:
    """Days, both included, on which an account works in some grids."""

    grids: frozenset[str]
    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Tell whether a day is in the term."""
        return self.first <= day <= self.last


def observed(told: datetime, now: datetime) -> datetime:
    """Return when something was seen; raise a field error if that is ahead of now, or too long ago.

    The error for a clock that is fast has the right time, so that the phone can correct its own.
    """
    field = "report.observe_time"
    if told > now + SKEW:
        raise field_error(field, Reason.IN_THE_FUTURE, now.isoformat(timespec="seconds"))
    if told < now - LATEST:
        raise field_error(field, Reason.BACKDATED_TOO_FAR, f"{LATEST.days} d")
    return min(told, now)


def must_serve(terms: Iterable[Term], day: date, grid: str = "") -> None:
    """Raise TERM_OVER if an account that is on the roster did not serve on a day; name the grid if it is not theirs.

    An account that is on no roster is what its token says.
    """
    known = list(terms)
    serving = [each for each in known if each.holds(day)]
    if known and not serving:
        raise CaseError(Reason.TERM_OVER, day.isoformat(), day=day.isoformat())
    if grid and known and all(grid not in each.grids for each in serving):
        raise field_error("report.place.grid", Reason.PERMISSION_DENIED, grid)


def overlaps(new: Term, others: Iterable[Term]) -> bool:
    """Tell whether a term shares a day with another one."""
    return any(new.first <= each.last and each.first <= new.last for each in others)
