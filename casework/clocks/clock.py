"""A clock: its dates follow from a rule, a ledger and a calendar. There is no other input: nothing else moves a date.

`due` and `raw_due` are the last instant in time, in whole seconds: something is in time if `t <= due`; the
breach is one second later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.count import DAY, SECOND, Count, count_days, count_hours, counts_as, end_of, last_day, midnight
from casework.clocks.ledger import Entry, Extended, ExtensionRevoked, Ledger, Met, Restarted, Started, ending, in_order
from casework.clocks.rule import Consequence, RemindOn, Roll, Rule, Rung, Unit
from casework.clocks.spell import Spell, spells


class ClockState(StrEnum):
    """What a clock is doing."""

    running = "running"
    paused = "paused"
    met = "met"
    cancelled = "cancelled"


class RungKind(StrEnum):
    """Whether a rung comes before or after the end, or is the cap of a pause."""

    warning = "warning"
    overdue = "overdue"
    pause_cap = "pause_cap"


class RungAt(NamedTuple):
    """A rung at its instant. `turn` counts the extensions so far: an extended clock warns, and breaches, again."""

    name: str
    at: datetime
    kind: RungKind
    consequence: Consequence
    turn: int = 0

    @property
    def key(self) -> str:
        """The key by which a rung is claimed, once for each clock: its name, plus the turn after an extension."""
        return f"{self.name}+{self.turn}" if self.turn else self.name


class Projection(NamedTuple):
    """The dates of a clock. During a pause without an end there is no due date, and no rung after its start.

    `resumes_at` is when a pause that ends by its cap will end; the dates and rungs already assume it. `budget` is
    the rule's number with all extensions. Once met or cancelled, only rungs that were due by then are left.
    """

    state: ClockState
    started_at: datetime
    raw_due: datetime | None
    due: datetime | None
    provisional: bool
    rungs: tuple[RungAt, ...]
    budget: int
    paused_since: datetime | None = None
    pause_cause: str = ""
    resumes_at: datetime | None = None
    ended_at: datetime | None = None

    def in_time(self, at: datetime) -> bool:
        """Tell whether something done at this instant is in time."""
        return self.due is None or at <= self.due

    def first_rung(self, claimed: frozenset[str] | set[str] = frozenset()) -> RungAt | None:
        """Return the earliest rung whose key is not among the claimed ones: the one to sleep until."""
        return next((rung for rung in self.rungs if rung.key not in claimed), None)


class Tally(NamedTuple):
    """A ledger in effective order: the start, the time granted, the pauses, the restarts and the end."""

    started: datetime
    granted: tuple[Extended, ...]
    pauses: tuple[Spell, ...]
    ended: Entry | None
    until: datetime | None = None
    restarts: tuple[Restarted, ...] = ()

    @property
    def more(self) -> int:
        """The time granted on top of the rule's number."""
        return sum(entry.amount for entry in self.granted)


_BY_TIME = itemgetter(1)


def project(rule: Rule, ledger: Ledger, calendar: Calendar, zone: tzinfo = LOCAL) -> Projection:
    """Return the dates of the clock; ValueError if the ledger has no start."""
    if len(ledger) == 1 and isinstance(ledger[0], Started) and rule.unit is not Unit.hour and not ledger[0].until:
        return _fresh(rule, ledger[0].at, calendar, zone)
    tally = read(ledger)
    since = since_restart(rule, tally, calendar, zone)
    count = count_of(rule, since, calendar, zone)
    at, ended, still = tally.started.astimezone(zone), tally.ended, count.open
    rungs = [
        rung for rung in _rungs(rule, count, calendar, zone, len(tally.granted)) if _stands(rung, since.started)
    ]  # fmt: skip
    if still is not None:
        rungs = [rung for rung in rungs if rung.at < still.spell.begin]
    rungs += _caps(count)
    if ended is not None:
        rungs = [rung for rung in rungs if rung.at <= ended.at]
    rungs.sort(key=_BY_TIME)
    lasting = still or next((stop for stop in count.stops if stop.spell.end is None), None)
    state = ClockState.running if lasting is None else ClockState.paused
    if ended is not None:
        state = ClockState.met if isinstance(ended, Met) else ClockState.cancelled
    return Projection(
        state=state,
        started_at=at,
        raw_due=None if still else count.raw_at,
        due=None if still else count.due_at,
        provisional=still is None and is_provisional(rule, count, calendar),
        rungs=tuple(rungs),
        budget=rule.n + since.more,
        paused_since=lasting.spell.begin.astimezone(zone) if lasting else None,
        pause_cause=lasting.spell.cause if lasting else "",
        resumes_at=lasting.end_at if lasting else None,
        ended_at=ended.at.astimezone(zone) if ended else None,
    )


def read(ledger: Ledger) -> Tally:
    """Return what the ledger says; ValueError if it has no start."""
    ordered = in_order(ledger)
    started = next((entry for entry in ordered if isinstance(entry, Started)), None)
    if started is None:
        raise ValueError("the ledger of a clock begins with its start")
    ended = ending(ledger)
    pauses = tuple(spell for spell in spells(ordered) if ended is None or spell.begin <= ended.at)
    again = tuple(
        entry for entry in ordered if isinstance(entry, Restarted) and (ended is None or entry.at <= ended.at)
    )
    start = started.at.replace(microsecond=0)
    return Tally(start, tuple(extensions(ledger)), pauses, ended, started.until, again)


def since_restart(rule: Rule, tally: Tally, calendar: Calendar, zone: tzinfo) -> Tally:
    """Return the tally from the last valid restart on: the whole time runs again from that day.

    What came before no longer counts. A restart after the deadline has no effect.
    """
    for again in tally.restarts:
        before = tally._replace(
            granted=tuple(each for each in tally.granted if each.at <= again.at),
            pauses=tuple(spell for spell in tally.pauses if spell.begin <= again.at),
        )
        count = count_of(rule, before, calendar, zone)
        if count.open is not None or again.at <= count.due_at:
            granted = tuple(each for each in tally.granted if each.at > again.at)
            tally = tally._replace(started=again.at.replace(microsecond=0), granted=granted)
    return tally


def extensions(ledger: Ledger) -> list[Extended]:
    """Return the valid extensions: those not revoked."""
    revoked = {entry.of for entry in ledger if isinstance(entry, ExtensionRevoked)}
    return [entry for entry in ledger if isinstance(entry, Extended) and entry.seq not in revoked]


def count_of(rule: Rule, tally: Tally, calendar: Calendar, zone: tzinfo) -> Count:
    """Return the count of a ledger given as a tally."""
    at = tally.started.astimezone(zone)
    if tally.until is not None:
        return promised(at, tally.until.astimezone(zone), tally.more)
    if rule.unit is Unit.hour:
        return count_hours(rule, at, rule.n + tally.more, tally.pauses, zone)
    return count_days(rule, at, rule.n + tally.more, tally.pauses, calendar, zone)


def promised(at: datetime, until: datetime, more: int) -> Count:
    """Return the count of a promised end: nothing is counted, and extensions add their days to it."""
    end = until.replace(microsecond=0) + more * DAY
    return Count(at.date(), at.date(), at.date(), end.date(), end.date(), end, end, (), None)


def is_provisional(rule: Rule, count: Count, calendar: Calendar) -> bool:
    """Tell whether the result depends on a working day of a year without a published list.

    For working-day rules that is every day of the count, for other rules that roll every day from the raw last day on;
    a rule that neither counts working days nor rolls does not use the calendar.
    """
    if rule.unit is Unit.working:
        return calendar.provisional(count.start if rule.cutoff is not None else count.first, count.due)
    return rule.roll is Roll.next_workday and calendar.provisional(count.raw, count.due)


def _fresh(rule: Rule, started: datetime, calendar: Calendar, zone: tzinfo) -> Projection:
    """Return the dates of a clock that has only been started: the common case, kept fast."""
    at = started if started.tzinfo is zone else started.astimezone(zone)
    if at.microsecond:
        at = at.replace(microsecond=0)
    day = at.date() if rule.cutoff is None else counts_as(rule, at, calendar)
    if rule.unit is Unit.working and not rule.include_start:
        first, raw = day, calendar.nth_after(day, rule.n)
    else:
        first = day if rule.include_start else day + DAY
        raw = last_day(rule, day, first, rule.n, calendar)
    if rule.roll is Roll.none or rule.unit is Unit.working:
        due = raw
    else:
        due = calendar.next_working(raw)
    due_at = end_of(due, zone)
    raw_at = due_at if raw == due else end_of(raw, zone)
    count = Count(at.date(), day, first, raw, due, raw_at, due_at, (), None)
    if rule.unit is Unit.working and not rule.include_start and rule.cutoff is None:
        # `first` stands for the start day here; the first day that can count is the one after it.
        provisional = calendar.provisional(day + DAY, due)
    else:
        provisional = is_provisional(rule, count, calendar)
    rungs = [rung for rung in _plain_rungs(rule, count, calendar, zone, 0) if _stands(rung, at)]
    if len(rungs) > 1:
        rungs.sort(key=_BY_TIME)
    return Projection(ClockState.running, at, raw_at, due_at, provisional, tuple(rungs), rule.n)


def _stands(rung: RungAt, start: datetime) -> bool:
    """Tell whether a rung is reported: a warning only after the start, a breach also where the end was past by then."""
    return rung.at > start or rung.kind is RungKind.overdue


def _rungs(rule: Rule, count: Count, calendar: Calendar, zone: tzinfo, turn: int) -> Iterator[RungAt]:
    """Yield the rungs; one that would fall into a pause that is over moves to the end of that pause."""
    for rung in _plain_rungs(rule, count, calendar, zone, turn):
        at = rung.at
        for stop in count.stops:
            if stop.end_at is not None and stop.spell.begin <= at < stop.end_at:
                at = stop.end_at
        yield rung if at is rung.at else rung._replace(at=at)


def _plain_rungs(rule: Rule, count: Count, calendar: Calendar, zone: tzinfo, turn: int) -> list[RungAt]:
    raw = rule.remind_on is RemindOn.raw
    day, at = (count.raw, count.raw_at) if raw else (count.due, count.due_at)
    names = rule.rung_names
    found = []
    for place, rung in enumerate(rule.warnings):
        instant = _before(rule, rung, day, at, calendar, zone)
        found.append(RungAt(names[place], instant, RungKind.warning, rung.consequence, turn))
    for place, rung in enumerate(rule.overdue, start=len(found)):
        instant = _after(rung, count.due, count.due_at, calendar, zone)
        found.append(RungAt(names[place], instant, RungKind.overdue, rung.consequence, turn))
    return found


def _before(rule: Rule, rung: Rung, day: date, at: datetime, calendar: Calendar, zone: tzinfo) -> datetime:
    # The time left: a day before the end of a count in days is the beginning of the last day.
    if rung.unit is Unit.working:
        return midnight(calendar.nth_before(day, rung.amount), zone)
    if rule.unit is Unit.hour:
        return at - (rung.amount * DAY if rung.unit is Unit.calendar else timedelta(hours=rung.amount))
    if rung.unit is Unit.calendar:
        return midnight(day - (rung.amount - 1) * DAY, zone)
    return midnight(day + DAY, zone) - timedelta(hours=rung.amount)


def _after(rung: Rung, day: date, at: datetime, calendar: Calendar, zone: tzinfo) -> datetime:
    if rung.amount == 0:
        return at + SECOND
    if rung.unit is Unit.working:
        return midnight(calendar.nth_after(day, rung.amount) + DAY, zone)
    return at + SECOND + (rung.amount * DAY if rung.unit is Unit.calendar else timedelta(hours=rung.amount))


def _caps(count: Count) -> Iterator[RungAt]:
    for stop in (*count.stops, *((count.open,) if count.open else ())):
        if stop.capped_at is not None:
            yield RungAt(f"pause-cap-{stop.spell.seq}", stop.capped_at, RungKind.pause_cap, Consequence.alarm)
