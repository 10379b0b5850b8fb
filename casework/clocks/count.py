"""The counting itself: the last day of a rule in days, working days or months, and the last instant of one in hours.

A pause removes the days from its first day up to, but not including, the day of resuming: so the day of resuming
counts, and a pause on the last day keeps one day. For hours it removes the exact time.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from casework.clocks.calendar import Calendar
from casework.clocks.rule import AtCap, HourStart, Roll, Rule, Unit
from casework.clocks.spell import Spell

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Stop(NamedTuple):
    """The time a pause removed: its days [first, end), the instants, and where its cap was reached."""

    spell: Spell
    first: date
    end: date | None
    begin_at: datetime
    end_at: datetime | None
    capped_at: datetime | None


class Count(NamedTuple):
    """The result of counting.

    `counts_as` is the day the start counts as, `first` the first day that can count, `raw` and `due` the last day
    before and after rolling, `raw_at` and `due_at` the last instants. `open` is the pause that has no
    end yet: then raw and due are what they would be without it.
    """

    start: date
    counts_as: date
    first: date
    raw: date
    due: date
    raw_at: datetime
    due_at: datetime
    stops: tuple[Stop, ...]
    open: Stop | None


@lru_cache(maxsize=16_384)
def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of the day."""
    return datetime.combine(day, time(), tzinfo=zone)


@lru_cache(maxsize=16_384)
def end_of(day: date, zone: tzinfo) -> datetime:
    """Return the last whole second of the day; 24:00 (民法典 art. 203) is the first that is too late."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone)


def add_months(day: date, months: int) -> date:
    """Return the corresponding day of a later month, or the month's end where it has no such day (民法典 art. 202)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def counts_as(rule: Rule, at: datetime, calendar: Calendar) -> date:
    """Return the day a start counts as: its local day, or the next one if it came after the rule's cut-off hour.

    With a cut-off, a rule in working days treats what arrives on a day off as arriving on the next working day:
    otherwise what arrives on Friday night would be due later than what arrives on Saturday.
    """
    day = at.date()
    if rule.cutoff is None:
        return day
    if rule.cutoff < 24 and at.time() > time(rule.cutoff):
        day += DAY
    return calendar.next_working(day) if rule.unit is Unit.working else day


def last_day(rule: Rule, start: date, first: date, budget: int, calendar: Calendar) -> date:
    """Return the last day of an unpaused count, not rolled."""
    if rule.unit is Unit.working:
        return calendar.nth_from(first, budget)
    if rule.unit is Unit.calendar:
        return first + (budget - 1) * DAY
    corresponding = add_months(start, budget)
    return corresponding - DAY if rule.include_start else corresponding


def count_days(
    rule: Rule, at: datetime, budget: int, pauses: Iterable[Spell], calendar: Calendar, zone: tzinfo
) -> Count:
    """Return the count of a rule in calendar days, working days or months from a local instant."""
    start = counts_as(rule, at, calendar)
    first = start if rule.include_start else start + DAY
    raw = last_day(rule, start, first, budget, calendar)
    covered = first
    stops: list[Stop] = []
    still: Stop | None = None
    due = _rolled(rule, raw, stops, calendar)
    for stop in _in_days(rule, pauses, first, calendar, zone):
        begin = max(stop.first, covered)
        if begin > due:
            break  # the deadline had passed before: a later pause has no effect
        if stop.end is None:
            still = stop._replace(first=begin)
            break
        if stop.end > begin:
            if begin <= raw:
                if rule.unit is Unit.working:
                    out = calendar.count(begin, stop.end)
                    raw = calendar.nth_after(raw, out) if out else raw
                else:
                    raw += stop.end - begin
            covered = stop.end
        stops.append(stop._replace(first=begin, end=max(stop.end, begin)))
        due = _rolled(rule, raw, stops, calendar)
    return Count(at.date(), start, first, raw, due, end_of(raw, zone), end_of(due, zone), tuple(stops), still)


def count_hours(rule: Rule, at: datetime, budget: int, pauses: Iterable[Spell], zone: tzinfo) -> Count:
    """Return the count of a rule in hours from a local instant; computed in UTC, where every hour is one hour."""
    base = hours_from(rule, at).astimezone(UTC)
    due = base + timedelta(hours=budget)
    covered = base
    stops: list[Stop] = []
    still: Stop | None = None
    for stop in _in_hours(rule, pauses, base, zone):
        begin = max(stop.begin_at.astimezone(UTC), covered)
        if begin > due:
            break
        if stop.end_at is None:
            still = stop
            break
        end = stop.end_at.astimezone(UTC)
        if end > begin:
            due += end - begin
            covered = end
        stops.append(stop)
    local = due.astimezone(zone)
    start, last = at.date(), local.date()
    return Count(start, start, base.astimezone(zone).date(), last, last, local, local, tuple(stops), still)


def hours_from(rule: Rule, at: datetime) -> datetime:
    """Return the instant from which hours count; under 民诉法 art. 85 the current hour does not count."""
    if rule.hour_start is HourStart.moment:
        return at
    return at.replace(minute=0, second=0) + timedelta(hours=1)


def _rolled(rule: Rule, raw: date, stops: list[Stop], calendar: Calendar) -> date:
    if rule.roll is Roll.none:
        return raw
    day = calendar.next_working(raw)
    # A pause between a last day that is a day off and the day it moved to keeps that one day too.
    while any(stop.first <= day < stop.end for stop in stops if stop.end is not None):
        day = calendar.next_working(day + DAY)
    return day


def _in_days(rule: Rule, pauses: Iterable[Spell], first: date, calendar: Calendar, zone: tzinfo) -> Iterable[Stop]:
    used: dict[str, int] = {}
    for spell in pauses:
        begin_at = spell.begin.astimezone(zone)
        end_at = None if spell.end is None else spell.end.astimezone(zone)
        begin, end = max(begin_at.date(), first), None if end_at is None else end_at.date()
        pause, capped_at = rule.pause(spell.cause), None
        if pause is not None and pause.cap is not None:
            cap_end = _cap_end(rule.unit, begin, pause.cap, used.get(spell.cause, 0), calendar)
            if end is None or end > cap_end:
                capped_at = max(midnight(cap_end, zone), begin_at)
                if pause.at_cap is AtCap.resume:
                    end, end_at = cap_end, capped_at
        if end is not None and end > begin:
            days = calendar.count(begin, end) if rule.unit is Unit.working else (end - begin).days
            used[spell.cause] = used.get(spell.cause, 0) + days
        yield Stop(spell, begin, end, begin_at, end_at, capped_at)


def _cap_end(unit: Unit, begin: date, cap: int, used: int, calendar: Calendar) -> date:
    """Return the first day after as many days as the cap leaves."""
    if unit is Unit.working:
        left = cap - used
        return calendar.nth_from(begin, left) + DAY if left > 0 else begin
    whole = (add_months(begin, cap) - begin).days if unit is Unit.month else cap
    return begin + max(whole - used, 0) * DAY


def _in_hours(rule: Rule, pauses: Iterable[Spell], base: datetime, zone: tzinfo) -> Iterable[Stop]:
    used: dict[str, timedelta] = {}
    for spell in pauses:
        begin = max(spell.begin.astimezone(UTC), base)
        end = None if spell.end is None else spell.end.astimezone(UTC)
        pause, capped_at = rule.pause(spell.cause), None
        if pause is not None and pause.cap is not None:
            left = timedelta(hours=pause.cap) - used.get(spell.cause, timedelta())
            cap_end = begin + max(left, timedelta())
            if end is None or end > cap_end:
                capped_at = cap_end.astimezone(zone)
                if pause.at_cap is AtCap.resume:
                    end = cap_end
        if end is not None and end > begin:
            used[spell.cause] = used.get(spell.cause, timedelta()) + (end - begin)
        begin_at, end_at = begin.astimezone(zone), None if end is None else end.astimezone(zone)
        yield Stop(spell, begin_at.date(), None if end_at is None else end_at.date(), begin_at, end_at, capped_at)
