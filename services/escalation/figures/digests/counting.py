"""Counts of a day by unit; a unit's digest is the sum over its subtree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from casework.supervision.figures.reporting_period import local_day
from services.escalation.figures.digests import store
from services.escalation.scope import Range
from services.kit.storage.database import Connection

LINES = 100
"""Maximum of lines of "waiting for" in a digest."""


@dataclass
class Waiting:
    """How many steps of a kind wait for a unit."""

    count: int = 0
    overdue: int = 0
    earliest: datetime | None = None

    def add(self, count: int, overdue: int, earliest: datetime | None) -> None:
        """Add those of another unit."""
        self.count += count
        self.overdue += overdue
        self.earliest = min((at for at in (self.earliest, earliest) if at), default=None)


@dataclass
class DayCounts:
    """The counts of a day: new, due and overdue by kind; waiting by unit and step."""

    kinds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    waiting: dict[tuple[str, str], Waiting] = field(default_factory=lambda: defaultdict(Waiting))

    def content(self) -> dict[str, Any]:
        """Return it as stored: counts by kind, waiting lines by earliest due time."""
        lines = sorted(self.waiting.items(), key=lambda each: (each[1].earliest is None, each[1].earliest, each[0]))
        return {
            "counts": [[kind, *self.kinds[kind]] for kind in sorted(self.kinds)],
            "waiting": [
                [unit, step, line.count, line.overdue, line.earliest.isoformat() if line.earliest else ""]
                for (unit, step), line in lines[:LINES]
            ],
        }


async def count(
    connection: Connection, units: Range, day: date, now: datetime, above: Mapping[str, Iterable[str]] | None = None
) -> dict[str, DayCounts]:
    """Return the counts of a day: under "" for the whole range, or with `above` for each unit in it.

    `above` says in which units' digests a unit's matters are counted.
    """
    start, end = local_day(day)
    as_of = min(now, end)
    live = as_of is now
    moments = {**units, "start": start, "end": end, "as_of": as_of, "due_from": as_of if live else start}
    found: dict[str, DayCounts] = defaultdict(DayCounts)

    def whose(unit: str) -> Iterable[str]:
        return ("",) if above is None else above.get(unit, ())

    for kind, unit, new in await store.new(connection, moments):
        for each in whose(unit):
            found[each].kinds[kind][0] += new
    for kind, unit, due_today, overdue in await store.steps(connection, moments, live=live):
        for each in whose(unit):
            kinds = found[each].kinds[kind]
            kinds[1] += due_today
            kinds[2] += overdue
    for matter_unit, unit, rule, waiting, overdue, earliest in await store.waiting(connection, moments, live=live):
        for each in whose(matter_unit):
            found[each].waiting[unit, rule].add(waiting, overdue, earliest)
    return found
