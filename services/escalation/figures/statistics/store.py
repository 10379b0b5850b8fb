"""Statements of statistics: matters received, counted by one property."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from sqlalchemy import ColumnElement, Date, DateTime, Integer, Select, bindparam, case, cast, func, or_, select

from casework.door.triage import Grade
from casework.supervision.figures.spread import Days, Handling, Rate
from services.escalation.models import CaseFact
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.storage.database import Connection


class By(IntEnum):
    """The property that is counted by; the numbers are those of the contract."""

    CATEGORY = 1
    DOOR = 2
    STAGE = 3
    MONTH = 4
    GRADE = 5
    OUTCOME = 6
    PERFORMANCE = 7
    FIELD = 8
    UNIT = 9
    PLACE = 10


DERIVED = frozenset({By.FIELD, By.UNIT, By.PLACE})
"""Properties whose key is derived from the stored one, by the rules or the tree."""

_KEYS: dict[By, ColumnElement[str]] = {
    By.CATEGORY: func.split_part(CaseFact.category, "/", 1),
    By.DOOR: CaseFact.door.expression,
    By.STAGE: func.lower(case((CaseFact.stage != "", CaseFact.stage), else_=CaseFact.state)),
    By.MONTH: func.to_char(func.timezone("Asia/Shanghai", CaseFact.received_at), "YYYY-MM"),
    By.GRADE: case(*((CaseFact.grade == number, each.value) for number, each in enumerate(Grade, 1)), else_=""),
    By.OUTCOME: func.lower(CaseFact.mediation),
    By.PERFORMANCE: func.lower(CaseFact.performance),
    By.FIELD: CaseFact.category.expression,
    By.UNIT: CaseFact.unit.expression,
    By.PLACE: CaseFact.place.expression,
}


def _counted(key: ColumnElement[str]) -> Select[str, int]:
    start, end = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "end"))
    return (
        select(key, func.count())
        .where(
            within(CaseFact.unit),
            CaseFact.received_at >= start,
            CaseFact.received_at < end,
            # A report that was merged into another is the same matter: it is counted once.
            CaseFact.state != "MERGED",
        )
        .group_by(key)
        .order_by(key)
    )


_COUNTS = {by: _counted(key) for by, key in _KEYS.items()}


async def counts(
    connection: Connection, units: Range, start: datetime, end: datetime, by: By
) -> Sequence[tuple[str, int]]:
    """Return the counts by key, in order of key."""
    return await connection.execute(_COUNTS[by], {**units, "start": start, "end": end})


_START, _END = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "end"))


def _days(since: ColumnElement[datetime] | ColumnElement[datetime | None]) -> ColumnElement[int]:
    """Return how many days of the calendar lie between receipt and an instant."""
    first, last = (cast(func.timezone("Asia/Shanghai", each), Date) for each in (CaseFact.received_at, since))
    return cast(last - first, Integer)


def _lengths(key: ColumnElement[str], days: ColumnElement[int], *holds: ColumnElement[bool]) -> Select[str, int, int]:
    return select(key, days, func.count()).where(within(CaseFact.unit), *holds).group_by(key, days)


def _closed(key: ColumnElement[str]) -> Select[str, int, int]:
    holds = (CaseFact.case_seq > 0, CaseFact.closed_at >= _START, CaseFact.closed_at < _END)
    return _lengths(key, _days(CaseFact.closed_at.expression), *holds)


def _open(key: ColumnElement[str]) -> Select[str, int, int]:
    still = or_(CaseFact.closed_at.is_(None), CaseFact.closed_at >= _END)
    return _lengths(key, _days(_END), CaseFact.received_at < _END, still)


def _sum(value: ColumnElement[int], at: ColumnElement[datetime | None]) -> ColumnElement[int]:
    return func.coalesce(func.sum(value).filter(at >= _START, at < _END), 0)


def _rates(key: ColumnElement[str]) -> Select[str, int, int, int, int, int, int]:
    ended, closed = CaseFact.mediation_ended_at.expression, CaseFact.last_closed_at.expression
    return (
        select(
            key,
            _sum(cast(CaseFact.mediation.in_(("AGREED_FULL", "AGREED_PARTIAL")), Integer), ended),
            _sum(cast(CaseFact.mediation != "", Integer), ended),
            _sum(cast(CaseFact.performance == "DONE", Integer), closed),
            _sum(cast(CaseFact.performance != "", Integer), closed),
            _sum(CaseFact.satisfied.expression, closed),
            _sum(CaseFact.answers.expression, closed),
        )
        .where(within(CaseFact.unit), or_(ended.is_not(None), closed.is_not(None)))
        .group_by(key)
    )


_HANDLING = {by: (_closed(key), _open(key), _rates(key)) for by, key in _KEYS.items()}


async def handling(connection: Connection, units: Range, start: datetime, end: datetime, by: By) -> dict[str, Handling]:
    """Return how matters were handled, by stored key."""
    moments = {**units, "start": start, "end": end}
    closed, still, rates = _HANDLING[by]
    found: defaultdict[str, Handling] = defaultdict(Handling)
    for key, days, count in await connection.execute(closed, moments):
        found[key] += Handling(closed=Days({days: count}))
    for key, days, count in await connection.execute(still, moments):
        found[key] += Handling(open=Days({days: count}))
    for key, *sums in await connection.execute(rates, moments):
        agreed, ended, performed, promised, satisfied, asked = sums
        found[key] += Handling(
            agreed=Rate(agreed, ended), performed=Rate(performed, promised), satisfied=Rate(satisfied, asked)
        )
    return dict(found)
