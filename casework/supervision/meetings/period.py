"""Recurring schedules: a meeting every month, a digest every working day. Each period has a name and is due once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from casework.clocks.calendar import LOCAL, Calendar
from casework.supervision.meetings.meeting import AgendaReason

_DAY = timedelta(days=1)


class Every(StrEnum):
    """How often."""

    month = "month"
    week = "week"
    workday = "workday"


class RhythmCall(StrEnum):
    """What is done each period."""

    meeting = "meeting"
    digest = "digest"


@dataclass(frozen=True, slots=True)
class AgendaRule:
    """What goes on an agenda, and its threshold: `n` working days without progress, `n` times returned."""

    reason: AgendaReason
    n: int = 0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A recurrence rule: every month on day `on`, every week on weekday `on` (Monday 1), or every working day.

    `hour` is local; `catch_up_days` is how far back a missed period is still made up for.
    """

    name: str
    version: str
    zh: str
    en: str
    call: RhythmCall
    every: Every
    on: int
    hour: int
    catch_up_days: int
    agenda: tuple[AgendaRule, ...]
    basis: str


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One period: when it is due, and its name: `2026-11`, `2026-W45`, `2026-11-03`."""

    at: datetime
    key: str


def due(rule: Rhythm, since: datetime, now: datetime, done: Collection[str], calendar: Calendar) -> list[Period]:
    """Return the periods that came due after `since` and are not done, oldest first."""
    begin = max(since, now - timedelta(days=rule.catch_up_days))
    return [each for each in _from(rule, begin, calendar, now) if each.at <= now and each.key not in done]


def coming(rule: Rhythm, now: datetime, calendar: Calendar) -> Period:
    """Return the next future period."""
    return next(each for each in _from(rule, now, calendar, now + timedelta(days=400)) if each.at > now)


def named(rule: Rhythm, key: str, since: datetime, now: datetime, calendar: Calendar) -> Period | None:
    """Return the period with this name if it has come due since the beginning or is the next one, else None."""
    known = [*_from(rule, since, calendar, now), coming(rule, now, calendar)]
    return next((each for each in known if each.key == key), None)


def _from(rule: Rhythm, begin: datetime, calendar: Calendar, end: datetime) -> Iterator[Period]:
    """Yield the periods due after `begin`, up to the day of `end`."""
    day = begin.astimezone(LOCAL).date()
    last = end.astimezone(LOCAL).date()
    while day <= last:
        if _falls_on(rule, day, calendar):
            at = datetime.combine(day, time(rule.hour), LOCAL)
            if at > begin:
                yield Period(at, _key(rule, day))
        day += _DAY


def _falls_on(rule: Rhythm, day: date, calendar: Calendar) -> bool:
    if rule.every is Every.month:
        return day.day == rule.on
    if rule.every is Every.week:
        return day.isoweekday() == rule.on
    return calendar.is_working(day)


def _key(rule: Rhythm, day: date) -> str:
    if rule.every is Every.month:
        return f"{day:%Y-%m}"
    if rule.every is Every.week:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return day.isoformat()
