"""Statements of digests: the counts of a day, one each, and stored digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, aliased

from services.escalation.figures.models import ClockFact, Digest, DigestDay, MatterUnit, WorkClock
from services.escalation.models import CaseFact, Escalation, File
from services.escalation.store import within
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage.database import Connection

_CLAIM = (
    insert(DigestDay)
    .values(day=bindparam("day"), as_of_at=bindparam("as_of"), compiled_at=bindparam("at"))
    .on_conflict_do_nothing(index_elements=[DigestDay.day])
    .returning(DigestDay.day)
)
_KEEP = insert(Digest).values({column.name: bindparam(column.name) for column in Digest.__table__.columns})
_LISTED = (
    select(Digest, DigestDay.as_of_at, DigestDay.compiled_at)
    .join(DigestDay, DigestDay.day == Digest.day)
    .where(Digest.unit == bindparam("unit", type_=Text), Digest.day < bindparam("behind", type_=Date))
    .order_by(Digest.day.desc())
    .limit(bindparam("limit", type_=Integer))
)
_UNITS = select(
    union(
        select(CaseFact.unit),
        select(ClockFact.unit),
        select(Clock.unit),
        select(File.unit).where(File.unit != ""),
        select(Escalation.to_unit),
    )
    .subquery("units")
    .c.unit
)


class Kept(NamedTuple):
    """A stored digest, with its day and the time of counting."""

    digest: Digest
    as_of_at: datetime
    compiled_at: datetime


async def claim(connection: Connection, day: date, as_of: datetime, at: datetime) -> bool:
    """Return whether this transaction stores the digests of the day; False if they were stored before."""
    return await connection.scalar(_CLAIM, {"day": day, "as_of": as_of, "at": at}) is not None


async def keep(connection: Connection, day: date, digests: Mapping[str, Mapping[str, Any]]) -> None:
    """Store digests by unit."""
    rows = [{"unit": unit, "day": day, "content": each} for unit, each in digests.items()]
    if rows:
        await connection.execute(_KEEP, rows)


async def listed(connection: Connection, unit: str, behind: date, limit: int) -> list[Kept]:
    """Return the stored digests of a unit, newest first."""
    found = await connection.execute(_LISTED, {"unit": unit, "behind": behind, "limit": limit})
    return [Kept(*row) for row in found]


async def units(connection: Connection) -> list[str]:
    """Return every unit with a part in any matter."""
    return [unit for (unit,) in await connection.execute(_UNITS)]


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
    select(_CAME.c.kind, _CAME.c.unit, func.count()).where(within(_CAME.c.unit)).group_by(_CAME.c.kind, _CAME.c.unit)
)
_STANDS: dict[bool, ColumnElement[bool]] = {
    True: WorkClock.state.in_(LIVE),
    # What was open at a past instant had begun by then and was not yet over.
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
    .where(stands, within(WorkClock.unit))
    .group_by(WorkClock.kind, WorkClock.unit)
    for live, stands in _STANDS.items()
}


def _waits(stands: ColumnElement[bool]) -> Select[str, str, str, int, int, datetime | None]:
    # Read in one go and then joined: looked up for each matter, a province's steps take twice as long.
    step = aliased(WorkClock, select(WorkClock).where(stands).offset(0).subquery("steps"))
    overdue = func.count().filter(step.due_at < _AS_OF)
    return (
        select(MatterUnit.unit, step.unit, step.rule, func.count(), overdue, func.min(step.due_at))
        .select_from(MatterUnit)
        .join(step, step.number == MatterUnit.number)
        .where(within(MatterUnit.unit))
        .group_by(MatterUnit.unit, step.unit, step.rule)
    )


_WAITING = {live: _waits(stands) for live, stands in _STANDS.items()}


async def new(connection: Connection, moments: Mapping[str, object]) -> Sequence[tuple[str, str, int]]:
    """Return how many matters of each kind each unit got."""
    return await connection.execute(_NEW, moments)


async def steps(
    connection: Connection, moments: Mapping[str, object], *, live: bool
) -> Sequence[tuple[str, str, int, int]]:
    """Return, by kind and unit, how many steps are due that day and how many are overdue."""
    return await connection.execute(_STEPS[live], moments)


async def waiting(
    connection: Connection, moments: Mapping[str, object], *, live: bool
) -> Sequence[tuple[str, str, str, int, int, datetime | None]]:
    """Return, by unit of a matter, waiting unit and step: how many wait or are overdue, the earliest due time."""
    return await connection.execute(_WAITING[live], moments)
