"""Counts of a day, one statement each, by unit; a unit's digest is the sum over its subtree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, and_, bindparam, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from casework.supervision.figures.reporting_period import local_day
from services.escalation import scope
from services.escalation.figures.models import MatterUnit, WorkClock
from services.escalation.models import CaseFact, Escalation, File
from services.escalation.scope import Range
from services.kit.clocks.models import LIVE
from services.kit.storage.database import Connection

LINES = 100
"""Lines of "waiting for whom" that a digest has at most."""

_AS_OF, _START, _END, _DUE_FROM = (
    bindparam(name, type_=DateTime(timezone=True)) for name in ("as_of", "start", "end", "due_from")
)


def _came(
    kind: ColumnElement[str], unit: InstrumentedAttribute[str], at: InstrumentedAttribute[Any]
) -> Select[str, str]:
    return select(kind.label("kind"), unit.label("unit")).where(at >= _START, at < _END)


_CAME = union_all(
    _came(literal("reports"), CaseFact.unit, CaseFact.received_at),
    _came(literal("cases"), CaseFact.unit, CaseFact.opened_at),
    _came(literal("escalations"), Escalation.to_unit, Escalation.created_at),
    _came(func.split_part(File.number, "-", 1), File.unit, File.opened_at).where(File.unit != ""),
).subquery("came")
_NEW: Select[str, str, int] = (
    select(_CAME.c.kind, _CAME.c.unit, func.count())
    .where(scope.within(_CAME.c.unit))
    .group_by(_CAME.c.kind, _CAME.c.unit)
)
_STANDS: dict[bool, ColumnElement[bool]] = {
    True: WorkClock.state.in_(LIVE),
    # What stood at an instant that is past was begun by then and not yet over.
    False: and_(
        WorkClock.started_at <= _AS_OF, or_(WorkClock.stopped_at.is_(None), WorkClock.stopped_at > _AS_OF)
    ),
}  # fmt: skip
"""Which clocks count, of a day that is not over and of one that is."""
_OVERDUE = func.count().filter(WorkClock.due_at < _AS_OF)
_STEPS = {
    live: select(
        WorkClock.kind,
        WorkClock.unit,
        func.count().filter(WorkClock.due_at >= _DUE_FROM, WorkClock.due_at < _END),
        _OVERDUE,
    )
    .where(stands, scope.within(WorkClock.unit))
    .group_by(WorkClock.kind, WorkClock.unit)
    for live, stands in _STANDS.items()
}
_WAITING = {
    live: select(MatterUnit.unit, WorkClock.unit, WorkClock.rule, func.count(), _OVERDUE, func.min(WorkClock.due_at))
    .select_from(MatterUnit)
    .join(WorkClock, WorkClock.number == MatterUnit.number)
    .where(stands, scope.within(MatterUnit.unit))
    .group_by(MatterUnit.unit, WorkClock.unit, WorkClock.rule)
    for live, stands in _STANDS.items()
}


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
    found: dict[str, DayCounts] = defaultdict(DayCounts)

    def whose(unit: str) -> Iterable[str]:
        return ("",) if above is None else above.get(unit, ())

    for kind, unit, new in await connection.execute(_NEW, moments):
        for each in whose(unit):
            found[each].kinds[kind][0] += new
    for kind, unit, due_today, overdue in await connection.execute(_STEPS[live], moments):
        for each in whose(unit):
            kinds = found[each].kinds[kind]
            kinds[1] += due_today
            kinds[2] += overdue
    for matter_unit, unit, rule, waiting, overdue, earliest in await connection.execute(_WAITING[live], moments):
        for each in whose(matter_unit):
            found[each].waiting[unit, rule].add(waiting, overdue, earliest)
    return found
