"""The hall of a centre: when it is open, and what may become of a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum

from casework.errors import CaseError, Reason

MOST = 999
"""Tickets of a queue in a day: a number has three digits."""
_DIGITS = "零一二三四五六七八九"


class HallDays(IntEnum):
    """On which days hours hold; the numbers match the contract."""

    WORKING = 1
    OFF = 2
    EVERY = 3


class TicketState(IntEnum):
    """State of a ticket; the numbers match the contract. A ticket that is left over expires with its day."""

    WAITING = 1
    CALLED = 2
    PASSED = 3
    SERVED = 4
    EXPIRED = 5


_MOVES = {
    TicketState.CALLED: {TicketState.WAITING, TicketState.CALLED, TicketState.PASSED},
    TicketState.PASSED: {TicketState.CALLED},
    TicketState.SERVED: {TicketState.CALLED},
    TicketState.WAITING: {TicketState.WAITING, TicketState.CALLED, TicketState.PASSED},
}
"""By the state to come, those from which it may be reached. Back to waiting is to another queue."""


@dataclass(frozen=True, slots=True)
class Span:
    """Hours that recur; minutes of the local day. No weekdays means all."""

    days: HallDays
    weekdays: frozenset[int]
    opens: int
    closes: int

    def holds(self, day: date, *, working: bool) -> bool:
        """Tell whether it holds on a day."""
        kind = {HallDays.WORKING: working, HallDays.OFF: not working, HallDays.EVERY: True}[self.days]
        return kind and (not self.weekdays or day.isoweekday() in self.weekdays)


Hours = tuple[int, int]
"""From which minute of a day until before which."""


def hours_on(spans: Iterable[Span], day: date, *, working: bool) -> list[Hours]:
    """Return the hours of a day, in order; those that touch or overlap are one."""
    found = sorted((each.opens, each.closes) for each in spans if each.holds(day, working=working))
    joined: list[Hours] = []
    for opens, closes in found:
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return joined


def within(hours: Iterable[Hours], outer: Sequence[Hours]) -> list[Hours]:
    """Return the part of some hours that lies in others: a department is not there while the hall is closed."""
    return [
        (max(opens, first), min(closes, last))
        for opens, closes in hours
        for first, last in outer
        if max(opens, first) < min(closes, last)
    ]


def is_open(hours: Iterable[Hours], local: datetime) -> bool:
    """Tell whether it is open at a local time of that day."""
    minute = local.hour * 60 + local.minute
    return any(opens <= minute < closes for opens, closes in hours)


def minutes(clock: str) -> int:
    """Return the minute of the day of `09:30`."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def clock(minute: int) -> str:
    """Return `09:30` of the minute of a day."""
    return f"{minute // 60:02}:{minute % 60:02}"


def days_from(first: date, last: date) -> list[date]:
    """Return the days from the first to the last, both included."""
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]


def next_opening(hours: Callable[[date], Sequence[Hours]], local: datetime, days: int) -> str:
    """Return when it opens next after a local time, `2026-11-30 09:00`; empty if not within so many days."""
    today, minute = local.date(), local.hour * 60 + local.minute
    for day in days_from(today, today + timedelta(days=days)):
        for opens, _ in hours(day):
            if day > today or opens > minute:
                return f"{day} {clock(opens)}"
    return ""


def move(state: TicketState, to: TicketState) -> TicketState:
    """Return the state a ticket gets; WRONG_STATE, naming the one it has, if it cannot."""
    if state not in _MOVES.get(to, ()):
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
    return to


def shown_state(state: TicketState, day: date, today: date) -> TicketState:
    """Return the state of a ticket as it is today: what was not served expires with its day."""
    return state if state is TicketState.SERVED or day >= today else TicketState.EXPIRED


def must_be_of_today(day: date, today: date) -> None:
    """Raise TICKET_EXPIRED for a ticket of another day."""
    if day != today:
        raise CaseError(Reason.TICKET_EXPIRED, day.isoformat(), day=day.isoformat())


def written(queue: str, number: int) -> str:
    """Return what is printed on a ticket: `A012`."""
    return f"{queue}{number:03}"


def spoken(queue: str, number: int, *, english: bool) -> str:
    """Return a ticket to be read aloud, digit by digit: `A 零一二号`, `A, 0 1 2`."""
    digits = f"{number:03}"
    return f"{queue}, {' '.join(digits)}" if english else f"{queue} {''.join(_DIGITS[int(each)] for each in digits)}号"
