"""Why a clock has its due date: every day from the start to the end, once, with how it was counted and why.

Anybody can check the date by hand: the counted days add up to the rule's number and its extensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from casework.clocks.calendar import LOCAL, Calendar, Day, DayKind
from casework.clocks.clock import Tally, count_of, read, since_restart
from casework.clocks.count import DAY, Count, Stop, hours_from, last_day, midnight
from casework.clocks.ledger import Ledger
from casework.clocks.rule import HourStart, Roll, Rule, Unit

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Verdict(StrEnum):
    """How a day was counted."""

    after_cutoff = "after_cutoff"
    start_excluded = "start_excluded"
    counted = "counted"
    extended = "extended"
    """Counted, as part of an extension."""
    day_off = "day_off"
    paused = "paused"
    rolled_over = "rolled_over"
    """A day off after a last day that is a day off."""
    rolled_to = "rolled_to"
    """The day the last day moved to."""
    interrupted = "interrupted"
    """A day before a restart: it no longer counts."""
    promised = "promised"
    """A day before an end promised elsewhere: nothing is counted."""


COUNTED = frozenset({Verdict.counted, Verdict.extended})


class ExplainedDay(NamedTuple):
    """A day and its verdict.

    `number` is its place among the counted days (for hours: the whole hours counted by its end), `of` the number to
    reach. `spans` are the periods that count, for a rule in hours. `name`, `layer` and `kind` are the calendar's data
    for the day, `cause` why it is paused. `provisional` is set if the verdict depends on an unpublished list.
    """

    date: date
    verdict: Verdict
    number: int | None
    of: int
    why_zh: str
    why_en: str
    kind: DayKind
    name: str = ""
    name_en: str = ""
    layer: str = ""
    cause: str = ""
    provisional: bool = False
    spans: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def weekday(self) -> str:
        """The day of the week in three letters."""
        return WEEKDAYS[self.date.weekday()]


def explain(rule: Rule, ledger: Ledger, calendar: Calendar, zone: tzinfo = LOCAL) -> tuple[ExplainedDay, ...]:
    """Return every local day from the start to the due day, or to the beginning of a pause without an end."""
    whole = read(ledger)
    tally = since_restart(rule, whole, calendar, zone)
    count = count_of(rule, tally, calendar, zone)
    if tally.until is not None:
        return tuple(_promised(rule, tally, count, calendar))
    before = _before_restart(rule, whole, count, calendar, zone)
    if rule.unit is Unit.hour:
        return (*before, *_hours(rule, tally, count, calendar, zone))
    return (*before, *_days(rule, tally, count, calendar))


def _before_restart(rule: Rule, whole: Tally, count: Count, calendar: Calendar, zone: tzinfo) -> Iterator[ExplainedDay]:
    """Yield the days before the restart from which time counts now; none without a restart."""
    day = whole.started.astimezone(zone).date()
    again = next((each for each in whole.restarts if each.at.astimezone(zone).date() == count.start), None)
    if again is None:
        return
    cause = rule.restart(again.cause)
    zh, en = (cause.zh, cause.en) if cause else (again.cause, again.cause)
    why = f"因{zh}中断，此前的期间不再计算", f"interrupted by {en}: what ran before no longer counts"
    while day < count.start:
        yield _day(calendar.day(day), Verdict.interrupted, None, rule.n, *why, cause=again.cause)
        day += DAY


def _days(rule: Rule, tally: Tally, count: Count, calendar: Calendar) -> Iterator[ExplainedDay]:
    of, plain = rule.n + tally.more, rule.n
    if rule.unit is Unit.month:
        # For months, the days up to the corresponding day are counted.
        of = (last_day(rule, count.counts_as, count.first, rule.n + tally.more, calendar) - count.first + DAY).days
        plain = (last_day(rule, count.counts_as, count.first, rule.n, calendar) - count.first + DAY).days
    end = count.due if count.open is None else max(count.open.first, count.start)
    number, day = 0, count.start
    while day <= end:
        found = calendar.day(day)
        stop = _stop(day, count)
        if day < count.counts_as:
            yield _before_start(rule, count, found, of)
        elif day < count.first:
            why = "起算日不计算在期间内", "the start day is not counted"
            uncertain = rule.cutoff is not None and rule.unit is Unit.working and found.provisional
            yield _day(found, Verdict.start_excluded, None, of, *why, provisional=uncertain)
        elif stop is not None:
            yield _paused(rule, stop, found, of)
        elif day <= count.raw and (rule.unit is not Unit.working or found.working):
            number += 1
            yield _counted(rule, count, found, number, of, plain)
        elif day <= count.raw:
            why = f"{found.name}，不是工作日", f"{found.name_en}: not a working day"
            yield _day(found, Verdict.day_off, None, of, *why, provisional=found.provisional)
        elif day < count.due:
            why = f"{found.name}，再顺延", f"{found.name_en}: moves on"
            yield _day(found, Verdict.rolled_over, None, of, *why, provisional=found.provisional)
        else:
            why = "最后一日遇休息日，顺延至此工作日", "the last day was a day off: moved to this working day"
            yield _day(found, Verdict.rolled_to, None, of, *why, provisional=found.provisional)
        day += DAY


def _promised(rule: Rule, tally: Tally, count: Count, calendar: Calendar) -> Iterator[ExplainedDay]:
    why = "按原承诺的期限，不另计算", "until the promised end: nothing is counted"
    day = count.start
    while day <= max(count.due, count.start):
        yield _day(calendar.day(day), Verdict.promised, None, rule.n + tally.more, *why)
        day += DAY


def _stop(day: date, count: Count) -> Stop | None:
    if count.open is not None and day >= count.open.first:
        return count.open
    return next((stop for stop in count.stops if stop.end is not None and stop.first <= day < stop.end), None)


def _day(
    day: Day,
    verdict: Verdict,
    number: int | None,
    of: int,
    why_zh: str,
    why_en: str,
    *,
    cause: str = "",
    provisional: bool = False,
    spans: tuple[tuple[datetime, datetime], ...] = (),
) -> ExplainedDay:
    if day.kind is not DayKind.workday and day.layer and verdict is not Verdict.paused:
        why_zh, why_en = f"{why_zh}（{day.layer}）", f"{why_en} ({day.layer})"
    return ExplainedDay(
        day.date, verdict, number, of, why_zh, why_en, day.kind, day.name, day.name_en, day.layer, cause, provisional,
        spans,
    )  # fmt: skip


def _before_start(rule: Rule, count: Count, day: Day, of: int) -> ExplainedDay:
    working = rule.unit is Unit.working
    if working and not day.working:
        why = f"{day.name}，视为下一工作日到达", f"{day.name_en}: counts as coming on the next working day"
    else:
        next_zh, next_en = ("下一工作日", "the next working day") if working else ("次日", "the next day")
        why = (
            f"{rule.cutoff}时以后到达，视为{next_zh}到达",
            f"came after {rule.cutoff}:00: counts as coming on {next_en}",
        )
    return _day(day, Verdict.after_cutoff, None, of, *why, provisional=working and day.provisional)


def _paused(rule: Rule, stop: Stop, day: Day, of: int) -> ExplainedDay:
    zh, en = _cause(rule, stop)
    still_zh, still_en = ("，尚未恢复", ", still lasting") if stop.end is None else ("", "")
    why_zh, why_en = _not_counted(zh, en)
    why = f"{why_zh}{still_zh}", f"{why_en}{still_en}"
    # Whether a paused day is a working day does not matter in itself, but the count continues across it.
    provisional = rule.unit is Unit.working and day.provisional and stop.end is not None
    return _day(day, Verdict.paused, None, of, *why, cause=stop.spell.cause, provisional=provisional)


def _cause(rule: Rule, stop: Stop) -> tuple[str, str]:
    pause = rule.pause(stop.spell.cause)
    return (pause.zh, pause.en) if pause else (stop.spell.cause, stop.spell.cause)


def _counted(rule: Rule, count: Count, day: Day, number: int, of: int, plain: int) -> ExplainedDay:
    verdict = Verdict.counted if number <= plain else Verdict.extended
    zh, en = f"第{number}日（共{of}日）", f"day {number} of {of}"
    if verdict is Verdict.extended:
        zh, en = f"{zh}，延长的时间", f"{en}, of the extension"
    if day.kind is DayKind.makeup:
        zh, en = f"{zh}，调休上班（{day.name}）", f"{en}, a make-up workday ({day.name_en})"
    elif not day.working:
        zh, en = f"{zh}，{day.name}照算", f"{en}, {day.name_en} counts too"
    if day.date == count.raw and rule.unit is Unit.month:
        zh, en = f"{zh}，到期月的对应日或月末", f"{en}, the corresponding day or the month's end"
    rolls = day.date == count.raw and rule.roll is Roll.next_workday and rule.unit is not Unit.working
    if rolls and count.due != count.raw:
        zh, en = f"{zh}，最后一日遇{day.name or '中止'}顺延", f"{en}; the last day, a day off, moves on"
    consulted = rolls or rule.unit is Unit.working
    return _day(day, verdict, number, of, zh, en, provisional=consulted and day.provisional)


def _hours(rule: Rule, tally: Tally, count: Count, calendar: Calendar, zone: tzinfo) -> Iterator[ExplainedDay]:
    at = tally.started.astimezone(zone)
    last = count.due_at if count.open is None else count.open.begin_at
    spans = list(_running(hours_from(rule, at), last, count.stops))
    if count.open is None and spans[-1][1] != last:
        # Paused at the instant at which it would have ended: it ends at the instant it resumes.
        spans.append((last, last))
    total = timedelta()
    day, end = count.start, max(last.date(), count.start)
    while day <= end:
        begin_of, end_of_day = midnight(day, zone), midnight(day + DAY, zone)
        parts = tuple(
            (max(begin, begin_of), min(stop, end_of_day))
            for begin, stop in spans
            if begin < end_of_day and (stop > begin_of or begin == stop == begin_of)
        )
        # Same zone, same day: the difference of the two wall clock times would hide a skipped hour.
        total += sum((stop.astimezone(UTC) - begin.astimezone(UTC) for begin, stop in parts), timedelta())
        yield _hour_day(rule, tally, count, calendar.day(day), parts, total)
        day += DAY


def _running(begin: datetime, end: datetime, stops: tuple[Stop, ...]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the periods between the pauses."""
    for stop in stops:
        if stop.end_at is None:
            continue
        if stop.begin_at > begin:
            yield begin, min(stop.begin_at, end)
        begin = max(begin, stop.end_at)
    if end > begin:
        yield begin, end


def _hour_day(
    rule: Rule, tally: Tally, count: Count, day: Day, parts: tuple[tuple[datetime, datetime], ...], total: timedelta
) -> ExplainedDay:
    hours, of = total // timedelta(hours=1), rule.n + tally.more
    if parts:
        clock = "、".join(f"{begin:%H:%M}–{_clock(begin, stop)}" for begin, stop in parts if stop > begin)
        if parts[-1][0] == parts[-1][1]:
            return _day(day, Verdict.counted, hours, of, *_used_up(clock, parts[-1][0]), spans=parts)
        verdict = Verdict.counted if total <= timedelta(hours=rule.n) else Verdict.extended
        first = day.date == count.start and rule.hour_start is HourStart.next_hour
        zh = f"计 {clock}，累计 {_spell(total)}（共{of}小时）" + ("，从次时起算" if first else "")
        en = f"{clock.replace('、', ', ')} count: {_spell(total)} of {of} h" + (
            ", from the next hour on" if first else ""
        )
        return _day(day, verdict, hours, of, zh, en, spans=parts)
    stop = next((each for each in (*count.stops, *((count.open,) if count.open else ())) if _meets(each, day)), None)
    if stop is None:
        return _day(day, Verdict.start_excluded, None, of, "从次时起算", "hours count from the next hour on")
    zh, en = _cause(rule, stop)
    return _day(day, Verdict.paused, None, of, *_not_counted(zh, en), cause=stop.spell.cause)


def _used_up(clock: str, end: datetime) -> tuple[str, str]:
    """Say that the time was used up when the clock was paused, and how much of this day counted before that."""
    zh, en = (f"计 {clock}，", f"{clock.replace('、', ', ')} count; ") if clock else ("", "")
    zh, en = f"{zh}中止时已计满，{end:%H:%M} ", f"{en}used up when it was paused, it ends at {end:%H:%M}, "
    return f"{zh}恢复即届满", f"{en}as it goes on"


def _not_counted(zh: str, en: str) -> tuple[str, str]:
    return f"因{zh}中止，不计算", f"paused for {en}: not counted"


def _meets(stop: Stop, day: Day) -> bool:
    return stop.first <= day.date and (stop.end is None or day.date <= stop.end)


def _clock(begin: datetime, end: datetime) -> str:
    return f"{end:%H:%M}" if end.date() == begin.date() else "24:00"


def _spell(total: timedelta) -> str:
    minutes = total // timedelta(minutes=1)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
