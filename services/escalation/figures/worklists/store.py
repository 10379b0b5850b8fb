"""Statements of worklists: one for a page, one for the counts; an index serves every part."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from services.escalation.figures.models import MatterUnit, WorkClock
from services.escalation.models import Holding
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.clocks.models import LIVE
from services.kit.storage.database import Connection


class Scope(IntEnum):
    """Which unit's work; the numbers are those of the contract."""

    MINE = 1
    UNIT = 2
    SUBTREE = 3


class Filter(IntEnum):
    """Which work; the numbers are those of the contract."""

    ALL = 0
    NEW = 1
    DUE_TODAY = 2
    OVERDUE = 3
    WAITING = 4


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The due time in lists of a step without a due date: after all others."""
_NOW, _START, _END = (bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "start", "end"))
_RUNS = WorkClock.state.in_(LIVE)
_OURS = within(WorkClock.unit)
# A part of a file is held by its name; whoever holds the whole file holds every part.
_HELD = (
    select(Holding.id)
    .where(
        Holding.official == bindparam("official", type_=Text),
        Holding.until.is_(None),
        Holding.number == WorkClock.number,
        within(Holding.unit),
        or_(
            Holding.subject == "",
            Holding.subject == WorkClock.subject,
            func.starts_with(WorkClock.subject, Holding.subject.concat("/")),
        ),
    )
    .exists()
)
_MINE = or_(_HELD, WorkClock.taken_by == bindparam("official", type_=Text))
# Matters of the unit that wait for another unit.
_WAITS = and_(within(MatterUnit.unit), not_(_OURS))
_KEEPS: dict[Filter, ColumnElement[bool]] = {
    Filter.ALL: true(),
    Filter.NEW: WorkClock.started_at >= _START,
    Filter.DUE_TODAY: and_(WorkClock.due_at >= _NOW, WorkClock.due_at < _END),
    Filter.OVERDUE: WorkClock.due_at < _NOW,
    Filter.WAITING: true(),
}
_PLACE = (func.coalesce(WorkClock.due_at, NEVER), WorkClock.service, WorkClock.clock)
_WAITING = (
    select(func.count())
    .select_from(MatterUnit)
    .join(WorkClock, WorkClock.number == MatterUnit.number)
    .where(_RUNS, _WAITS)
    .correlate(None)
    .scalar_subquery()
)


class Step(NamedTuple):
    """A step to be taken, and what is known of its matter."""

    clock: WorkClock
    unit: str | None
    category: str | None
    grade: int | None


class Counts(NamedTuple):
    """How many steps there are."""

    total: int
    new: int
    due_today: int
    overdue: int
    waiting: int


@lru_cache(maxsize=16)
def _page(scope: Scope, keeps: Filter) -> Select[WorkClock, str | None, str | None, int | None]:
    waiting = keeps is Filter.WAITING
    whose = _WAITS if waiting else _MINE if scope is Scope.MINE else _OURS
    behind = (bindparam("due", type_=_NOW.type), *(bindparam(name, type_=Text) for name in ("service", "clock")))
    return (
        select(WorkClock, MatterUnit.unit.label("matter_unit"), MatterUnit.category, MatterUnit.grade)
        .join(MatterUnit, MatterUnit.number == WorkClock.number, isouter=not waiting)
        .where(_RUNS, whose, _KEEPS[keeps], tuple_(*_PLACE) > tuple_(*behind))
        .order_by(*_PLACE)
        .limit(bindparam("limit", type_=Integer))
    )


async def page(
    connection: Connection, scope: Scope, keeps: Filter, units: Range, times: dict[str, datetime], official: str,
    behind: tuple[datetime, str], limit: int,
) -> list[Step]:  # fmt: skip
    """Return steps, overdue first, then by due time; `times` has now and where the day starts and ends."""
    due, key = behind
    service, _, clock = key.partition("/")
    parameters = {**units, **times, "official": official, "due": due, "service": service, "clock": clock}
    return [Step(*row) for row in await connection.execute(_page(scope, keeps), {**parameters, "limit": limit})]


@lru_cache(maxsize=2)
def _counts(mine: bool) -> Select[int, int, int, int, int]:
    new, due_today, overdue = (
        func.count().filter(_KEEPS[each]) for each in (Filter.NEW, Filter.DUE_TODAY, Filter.OVERDUE)
    )
    waiting = literal(0) if mine else _WAITING
    counted = select(func.count(), new, due_today, overdue, waiting).select_from(WorkClock)
    return counted.where(_RUNS, _MINE if mine else _OURS)


async def counts(
    connection: Connection, scope: Scope, units: Range, times: dict[str, datetime], official: str
) -> Counts:
    """Return the counts of the whole list, and of matters waiting for other units."""
    parameters = {**units, **times, "official": official}
    return Counts(*(await connection.execute(_counts(scope is Scope.MINE), parameters)).one())
