"""The result of a ledger, computed a second time: day by day, without using `casework`."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import yaml

CHINA = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
_LAST_YEAR = 2026
"""The last one with a published list; later ones have weekends and the holidays of a fixed date."""
_FIXED = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
_LIMITS = Path(__file__).resolve().parent.parent / "rules" / "limits"


@cache
def limit(name: str) -> dict[str, Any]:
    """Return a rule as its file has it."""
    for path in sorted(_LIMITS.glob("*.yaml")):
        content = yaml.safe_load(path.read_text("utf-8"))
        for entry in content["limits"]:
            if entry["name"] == name:
                bound = content.get("backdate_days", 0)
                return {"backdate_days": bound, "roll": "none", **entry}
    raise LookupError(name)


def works(day: date, closed: frozenset[date]) -> bool:
    """Tell whether a day is a working day: by the package's list, but for days that were closed beside it."""
    if day in closed:
        return False
    if day.year > _LAST_YEAR:
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED
    return bool(chinese_calendar.is_workday(day))


@dataclass
class Plain:
    """A clock as somebody with a pencil keeps it."""

    rule: str
    start: datetime
    n: int
    unit: str
    rolls: bool
    closed: frozenset[date]
    pauses: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    resumptions: list[tuple[datetime, int]] = field(default_factory=list)
    extensions: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    restarts: list[datetime] = field(default_factory=list)
    ended: datetime | None = None
    met: bool = False

    @classmethod
    def of(cls, rule: str, start: datetime, closed: frozenset[date]) -> Plain:
        """Return a clock that has only been started."""
        found = limit(rule)
        return cls(rule, start, found["n"], found["unit"], found["roll"] == "next_workday", closed)

    def spells(self) -> list[tuple[datetime, datetime | None]]:
        """Return the pauses with their ends; each ends by the first resumption that names it."""
        found = []
        for number, (begin, _) in self.pauses.items():
            ends = [at for at, of in self.resumptions if of == number and at >= begin]
            found.append((begin, min(ends, default=None)))
        return found

    def lasting(self, at: datetime) -> list[int]:
        """Return the numbers of the pauses that last at an instant."""
        ends = {number: [each for each, of in self.resumptions if of == number] for number in self.pauses}
        return [
            number for number, (begin, _) in self.pauses.items()
            if begin <= at and all(at < each for each in ends[number])
        ]  # fmt: skip

    def due(self) -> datetime | None:
        """Return the last second in time, None while a pause lasts."""
        begin = self.start
        for again in sorted(each for each in self.restarts if self.ended is None or each <= self.ended):
            known = self._end(begin, again)
            if known is None or again <= known:
                begin = again
        return self._end(begin, None)

    def _end(self, begin: datetime, until: datetime | None) -> datetime | None:
        """Walk from the day after the beginning; entries after `until` are not reckoned with."""
        spells = [each for each in self.spells() if until is None or each[0] <= until]
        if self.ended is not None:
            spells = [each for each in spells if each[0] <= self.ended]
        after = begin if begin != self.start else datetime.min.replace(tzinfo=CHINA)
        more = sum(
            n for at, n in self.extensions.values() if at > after and (until is None or at <= until)
        )  # fmt: skip
        first = begin.date() + DAY
        left = self.n + more if self.unit != "month" else (_months(begin.date(), self.n + more) - begin.date()).days

        def paused(day: date) -> bool | None:
            """Tell whether a day is paused; None where from it on no end is known."""
            found = False
            for start, end in spells:
                if end is None and day >= max(start.date(), first):
                    return None
                found = found or (end is not None and start.date() <= day < end.date())
            return found

        day = first
        while True:
            stands = paused(day)
            if stands is None:
                return None
            if not stands and (self.unit != "working" or works(day, self.closed)):
                left -= 1
                if left == 0:
                    break
            day += DAY
        while (self.rolls and not works(day, self.closed)) or paused(day):
            day += DAY
        if paused(day) is None:
            return None
        return datetime.combine(day, time(23, 59, 59), CHINA)

    def overdue(self, now: datetime) -> bool:
        """Tell whether it is overdue, or was when it was met."""
        due = self.due()
        return due is not None and due < (self.ended or now) and (self.ended is None or self.met)

    def breach(self, now: datetime) -> datetime | None:
        """Return the instant of the breach that has to be reported by now, None where there is none."""
        due = self.due()
        return due + timedelta(seconds=1) if due and due + timedelta(seconds=1) <= (self.ended or now) else None


def _months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_entry_day(rule: str, at: datetime, closed: frozenset[date]) -> date:
    """Return the last day on which something may be entered."""
    day = at.date() + timedelta(days=limit(rule)["backdate_days"])
    while not works(day, closed):
        day += DAY
    return day
