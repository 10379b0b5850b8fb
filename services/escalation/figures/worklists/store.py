"""Statements of worklists: one for a page, one for the counts; an index serves every part."""

from __future__ import annotations

from collections.abc import Sequence
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
    all_,
    and_,
    any_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.escalation.figures.models import MatterUnit, WorkClock
from services.escalation.models import CaseFact, Holding
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.clocks.models import LIVE, ClockState
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
_SHOWN = WorkClock.number != all_(bindparam("excluded", type_=ARRAY(Text)))
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
# The numbers held are looked up before: each arm of the condition then has an index.
_HOLDS = (
    select(Holding.number)
    .where(Holding.official == bindparam("official", type_=Text), Holding.until.is_(None), within(Holding.unit))
    .distinct()
)
_MINE = or_(
    and_(WorkClock.number == any_(bindparam("held", type_=ARRAY(Text))), _HELD),
    and_(WorkClock.taken_by == bindparam("official", type_=Text), WorkClock.taken_by != ""),
)
# Matters of the unit that wait for another unit.
_WAITS = and_(within(MatterUnit.unit), not_(_OURS))
_KEEPS: dict[Filter, ColumnElement[bool]] = {
    Filter.ALL: true(),
    Filter.NEW: WorkClock.started_at >= _START,
    Filter.DUE_TODAY: and_(WorkClock.due_at >= _NOW, WorkClock.due_at < _END),
    Filter.OVERDUE: WorkClock.due_at < _NOW,
    Filter.WAITING: true(),
}
_BEHIND = (bindparam("due", type_=_NOW.type), *(bindparam(name, type_=Text) for name in ("service", "clock")))
_PLACE = (func.coalesce(WorkClock.due_at, NEVER), WorkClock.service, WorkClock.clock)


class Asked(NamedTuple):
    """Whose list is asked for, when, and what its reader must not see."""

    units: Range
    times: dict[str, datetime]
    """Now, and where the day starts and ends."""
    official: str
    excluded: list[str]
    """Numbers of the cases that the reader is kept from."""
    held: list[str]
    """Numbers of the files that the reader holds a part of, for a list of their own."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters of a statement."""
        told = {"official": self.official, "excluded": self.excluded, "held": self.held}
        return {**self.units, **self.times, **told}


class Words(NamedTuple):
    """What words of a search may name, word by word, and the cases that other services found by all of them."""

    numbers: tuple[str, ...]
    """LIKE patterns; empty for a word that is no number."""
    units: tuple[list[str], ...]
    departments: tuple[list[str], ...]
    categories: tuple[list[str], ...]
    rules: tuple[list[str], ...]
    cases: list[str]

    def parameters(self) -> dict[str, object]:
        """Return the parameters of a statement for so many words."""
        found: dict[str, object] = {"cases": self.cases}
        for field in self._fields[:-1]:
            found |= {f"{field}_{place}": each for place, each in enumerate(getattr(self, field))}
        return found


def _texts(name: str) -> ColumnElement[bool]:
    return any_(bindparam(name, type_=ARRAY(Text)))


def _has_words(count: int) -> ColumnElement[bool]:
    """Return the condition that a step has so many words: all in its own names, or all in what others found."""
    own = (
        or_(
            WorkClock.number.like(bindparam(f"numbers_{place}", type_=Text)),
            *(unit == _texts(f"units_{place}") for unit in (WorkClock.unit, MatterUnit.unit)),
            *(
                func.split_part(unit, "-", 2, type_=Text) == _texts(f"departments_{place}")
                for unit in (WorkClock.unit, MatterUnit.unit)
            ),
            MatterUnit.category == _texts(f"categories_{place}"),
            WorkClock.rule == _texts(f"rules_{place}"),
        )
        for place in range(count)
    )
    return or_(WorkClock.number == _texts("cases"), and_(*own))


_SINCE = bindparam("since", type_=_NOW.type)
_OFFICIAL = bindparam("official", type_=Text)
_DATED = and_(_RUNS, _MINE, WorkClock.due_at.is_not(None))
_ENDED = and_(
    WorkClock.state.in_((ClockState.MET, ClockState.CANCELLED)), WorkClock.taken_by == _OFFICIAL,
    WorkClock.taken_by != "", WorkClock.stopped_at > _SINCE, WorkClock.due_at.is_not(None),
)  # fmt: skip
_LIMIT = bindparam("limit", type_=Integer)
_DEADLINES = select(WorkClock).where(_DATED).order_by(*_PLACE).limit(_LIMIT)
_ENDED_ONES = select(WorkClock).where(_ENDED).order_by(WorkClock.stopped_at.desc(), WorkClock.clock).limit(_LIMIT)


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


async def held(connection: Connection, official: str, units: Range) -> list[str]:
    """Return the numbers of the files that somebody holds a part of."""
    return [number for (number,) in await connection.execute(_HOLDS, {"official": official, **units})]


@lru_cache(maxsize=16)
def _bare_page(scope: Scope, keeps: Filter) -> Select[WorkClock]:
    """Return the statement of a page without what is known of the matters: joined, all of them would be sorted."""
    whose = _MINE if scope is Scope.MINE else _OURS
    return (
        select(WorkClock)
        .where(_RUNS, _SHOWN, whose, _KEEPS[keeps], tuple_(*_PLACE) > tuple_(*_BEHIND))
        .order_by(*_PLACE)
        .limit(bindparam("limit", type_=Integer))
    )


_KNOWN = select(MatterUnit).where(MatterUnit.number == any_(bindparam("numbers", type_=ARRAY(Text))))


@lru_cache(maxsize=128)
def _page(scope: Scope, keeps: Filter, words: int) -> Select[WorkClock, str | None, str | None, int | None]:
    waiting = keeps is Filter.WAITING
    whose = _WAITS if waiting else _MINE if scope is Scope.MINE else _OURS
    return (
        select(WorkClock, MatterUnit.unit.label("matter_unit"), MatterUnit.category, MatterUnit.grade)
        .join(MatterUnit, MatterUnit.number == WorkClock.number, isouter=not waiting)
        .where(
            _RUNS, _SHOWN, whose, _KEEPS[keeps], tuple_(*_PLACE) > tuple_(*_BEHIND),
            *([_has_words(words)] if words else []),
        )
        .order_by(*_PLACE)
        .limit(bindparam("limit", type_=Integer))
    )  # fmt: skip


async def page(
    connection: Connection, scope: Scope, keeps: Filter, asked: Asked, words: Words | None,
    behind: tuple[datetime, str], limit: int,
) -> list[Step]:  # fmt: skip
    """Return steps, overdue first, then by due time."""
    due, key = behind
    service, _, clock = key.partition("/")
    parameters = asked.parameters() | {"due": due, "service": service, "clock": clock, "limit": limit}
    if words or keeps is Filter.WAITING:
        parameters |= words.parameters() if words else {}
        statement = _page(scope, keeps, len(words.numbers) if words else 0)
        return [Step(*row) for row in await connection.execute(statement, parameters)]
    clocks = list(await connection.execute(_bare_page(scope, keeps), parameters))
    matters = await connection.execute(_KNOWN, {"numbers": sorted({clock.number for clock in clocks})})
    known = {each.number: (each.unit, each.category, each.grade) for each in matters}
    return [Step(clock, *known.get(clock.number, (None, None, None))) for clock in clocks]


def _waiting(words: int) -> ColumnElement[int]:
    found = (
        select(func.count())
        .select_from(MatterUnit)
        .join(WorkClock, WorkClock.number == MatterUnit.number)
        .where(_RUNS, _SHOWN, _WAITS, *([_has_words(words)] if words else []))
    )
    return found.correlate(None).scalar_subquery()


@lru_cache(maxsize=16)
def _counts(mine: bool, words: int) -> Select[int, int, int, int, int]:
    new, due_today, overdue = (
        func.count().filter(_KEEPS[each]) for each in (Filter.NEW, Filter.DUE_TODAY, Filter.OVERDUE)
    )
    waiting = literal(0) if mine else _waiting(words)
    counted = select(func.count(), new, due_today, overdue, waiting).select_from(WorkClock)
    if words:
        counted = counted.outerjoin(MatterUnit, MatterUnit.number == WorkClock.number).where(_has_words(words))
    return counted.where(_RUNS, _SHOWN, _MINE if mine else _OURS)


async def counts(connection: Connection, scope: Scope, asked: Asked, words: Words | None) -> Counts:
    """Return the counts of the whole list, or of what has these words, and of matters waiting for other units."""
    parameters = asked.parameters() | (words.parameters() if words else {})
    statement = _counts(scope is Scope.MINE, len(words.numbers) if words else 0)
    return Counts(*(await connection.execute(statement, parameters)).one())


class Load(NamedTuple):
    """What a unit, or somebody in it, has before them."""

    whose: str
    steps: int
    overdue: int


_UNITS = _texts("units")
_LATE = func.count().filter(_KEEPS[Filter.OVERDUE])
_STEPS = (
    select(WorkClock.unit, func.count(), _LATE)
    .where(_RUNS, WorkClock.unit == _UNITS)
    .group_by(WorkClock.unit)
)  # fmt: skip
_MATTERS = (
    select(CaseFact.unit, func.count())
    .where(CaseFact.unit == _UNITS, CaseFact.closed_at.is_(None), CaseFact.merged_into == "")
    .group_by(CaseFact.unit)
)
_TAKEN = (
    select(WorkClock.taken_by, func.count(), _LATE)
    .where(_RUNS, WorkClock.unit == bindparam("unit", type_=Text), WorkClock.taken_by != "")
    .group_by(WorkClock.taken_by)
)


async def steps(connection: Connection, units: Sequence[str], now: datetime) -> dict[str, Load]:
    """Return the open steps of each of these very units."""
    rows = await connection.execute(_STEPS, {"units": list(units), "now": now})
    return {unit: Load(unit, *counted) for unit, *counted in rows}


async def matters(connection: Connection, units: Sequence[str]) -> dict[str, int]:
    """Return how many open matters each of these very units has."""
    return dict(iter(await connection.execute(_MATTERS, {"units": list(units)})))


async def taken(connection: Connection, unit: str, now: datetime) -> dict[str, Load]:
    """Return the open steps of a unit that somebody took on, by account."""
    rows = await connection.execute(_TAKEN, {"unit": unit, "now": now})
    return {account: Load(account, *counted) for account, *counted in rows}


async def deadlines(
    connection: Connection, units: Range, official: str, since: datetime, limit: int
) -> list[WorkClock]:  # fmt: skip
    """Return an official's own steps with a deadline, then those of them that ended after an instant."""
    own = await held(connection, official, units)
    parameters = {**units, "official": official, "held": own, "limit": limit}
    found = list(await connection.execute(_DEADLINES, parameters))
    ended = {"official": official, "since": since, "limit": limit - len(found)}
    return [*found, *await connection.execute(_ENDED_ONES, ended)]
