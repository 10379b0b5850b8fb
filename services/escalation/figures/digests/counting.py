"""Counts of a day, one statement each, by unit; a unit's digest is the sum over its subtree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from casework.supervision.figures.reporting_period import local_day
from services.escalation.scope import Range
from services.kit.storage.database import Connection, text

LINES = 100
"""Lines of "waiting for whom" that a digest has at most."""

_NEW = text("""
    SELECT kind, unit, count(*) AS count FROM (
        SELECT 'reports' AS kind, unit FROM case_facts WHERE received_at >= :start AND received_at < :end
        UNION ALL SELECT 'cases', unit FROM case_facts WHERE opened_at >= :start AND opened_at < :end
        UNION ALL SELECT 'escalations', to_unit FROM escalations WHERE created_at >= :start AND created_at < :end
        UNION ALL SELECT split_part(number, '-', 1), unit FROM files
                  WHERE opened_at >= :start AND opened_at < :end AND unit <> ''
    ) AS came WHERE unit >= :low AND unit < :high GROUP BY kind, unit
""")
# What stood at an instant that is past was begun by then and not yet over.
_STOOD = "w.started_at <= :as_of AND (w.stopped_at IS NULL OR w.stopped_at > :as_of)"
_STANDS = "w.state IN (1, 4)"
_STEPS = """
    SELECT w.kind, w.unit, count(*) FILTER (WHERE w.due_at >= :due_from AND w.due_at < :end) AS due_today,
        count(*) FILTER (WHERE w.due_at < :as_of) AS overdue
    FROM work_clocks w WHERE {stands} AND w.unit >= :low AND w.unit < :high GROUP BY w.kind, w.unit
"""
_WAITING = """
    SELECT m.unit AS matter_unit, w.unit, w.rule, count(*) AS count, min(w.due_at) AS earliest,
        count(*) FILTER (WHERE w.due_at < :as_of) AS overdue
    FROM matter_units m JOIN work_clocks w ON w.number = m.number
    WHERE {stands} AND m.unit >= :low AND m.unit < :high GROUP BY m.unit, w.unit, w.rule
"""


@dataclass
class Waiting:
    """How many wait for a unit to take a step."""

    count: int = 0
    overdue: int = 0
    earliest: datetime | None = None

    def add(self, count: int, overdue: int, earliest: datetime | None) -> None:
        """Take in those of another unit."""
        self.count += count
        self.overdue += overdue
        self.earliest = min((at for at in (self.earliest, earliest) if at), default=None)


@dataclass
class DayCounts:
    """What is counted of a day: by kind new, due and overdue; by unit and step who is waited for."""

    kinds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    waiting: dict[tuple[str, str], Waiting] = field(default_factory=lambda: defaultdict(Waiting))

    def content(self) -> dict[str, Any]:
        """Return it as it is kept: counts by kind, waiting lines by the earliest due."""
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
    """Return the counts of a day: under "" of the whole range, or with `above` of each unit named there by others.

    `above` says in whose digests a unit's matters are counted.
    """
    start, end = local_day(day)
    as_of = min(now, end)
    live = as_of is now
    moments = {**units, "start": start, "end": end, "as_of": as_of, "due_from": as_of if live else start}
    stands = _STANDS if live else _STOOD
    found: dict[str, DayCounts] = defaultdict(DayCounts)

    def whose(unit: str) -> Iterable[str]:
        return ("",) if above is None else above.get(unit, ())

    for row in await connection.execute(_NEW, moments):
        for each in whose(row.unit):
            found[each].kinds[row.kind][0] += row.count
    for row in await connection.execute(text(_STEPS.format(stands=stands)), moments):
        for each in whose(row.unit):
            kinds = found[each].kinds[row.kind]
            kinds[1] += row.due_today
            kinds[2] += row.overdue
    for row in await connection.execute(text(_WAITING.format(stands=stands)), moments):
        for each in whose(row.matter_unit):
            found[each].waiting[row.unit, row.rule].add(row.count, row.overdue, row.earliest)
    return found
