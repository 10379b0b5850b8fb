"""Statements of absences, and of what an official holds or stands in for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Date, DateTime, Integer, Text, and_, bindparam, cast, collate, func, literal, or_, select, tuple_

from casework import names
from services.escalation.models import Holding
from services.escalation.raising.absences.models import Absence
from services.kit.clocks.models import LIVE, Clock
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection


class Held(NamedTuple):
    """Something that an official holds, and when it is due; `NEVER` without a deadline."""

    id: int
    subject: str
    role: str
    unit: str
    official: str
    since: datetime
    due_at: datetime


_UNIT, _TODAY = bindparam("unit", type_=Text), bindparam("today", type_=Date)
_LIMIT = bindparam("limit", type_=Integer)
_GET = select(Absence).where(Absence.number == bindparam("number"))
_STANDING = (
    select(Absence).where(Absence.unit == bindparam("unit"), Absence.ended_at.is_(None)).order_by(Absence.number)
)
_LISTED = (
    select(Absence)
    .where(
        Absence.ended_at.is_(None),
        Absence.last_on >= _TODAY,
        Absence.unit.like(_UNIT),
        tuple_(Absence.first_on, Absence.number)
        > tuple_(bindparam("first", type_=Date), bindparam("number", type_=Text)),
    )
    .order_by(Absence.first_on, Absence.number)
    .limit(_LIMIT)
)
# Substitutes of substitutes have everything: UNION drops repeated rows, so that the recursion ends.
_SELF = select(
    collate(cast(bindparam("caller", type_=Text), Text), "C").label("official"),
    collate(cast("", Text), "C").label("unit"),
).cte("mine", recursive=True)
_MINE = _SELF.union(
    select(Absence.official, Absence.unit)
    .join(_SELF, and_(Absence.cover == _SELF.c.official, or_(_SELF.c.unit == "", _SELF.c.unit == Absence.unit)))
    .where(Absence.ended_at.is_(None), _TODAY.between(Absence.first_on, Absence.last_on))
)
_STANDS_IN = (
    select(func.count())
    .select_from(_MINE)
    .where(_MINE.c.official == bindparam("official"), or_(_MINE.c.unit == "", _MINE.c.unit == bindparam("of")))
)
_SOONEST = (
    select(func.min(Clock.due_at))
    .where(
        Clock.number == Holding.number,
        Clock.state.in_(LIVE),
        or_(Clock.subject == Holding.subject, Clock.subject.like(Holding.subject.concat("/%"))),
    )
    .scalar_subquery()
)
_HELD = (
    select(
        Holding.id, Holding.subject, Holding.role, Holding.unit, Holding.official, Holding.since,
        func.coalesce(_SOONEST, literal(NEVER, DateTime(timezone=True))).label("due_at"),
    )
    .where(
        Holding.until.is_(None),
        Holding.unit.like(_UNIT),
        select(_MINE).where(
            _MINE.c.official == Holding.official, or_(_MINE.c.unit == "", _MINE.c.unit == Holding.unit)
        ).exists(),
    )
    .cte("held")
)  # fmt: skip
_WORKLIST = (
    select(_HELD)
    .where(
        tuple_(_HELD.c.due_at, _HELD.c.id)
        > tuple_(bindparam("due", type_=DateTime(timezone=True)), bindparam("id", type_=Holding.id.type))
    )
    .order_by(_HELD.c.due_at, _HELD.c.id)
    .limit(_LIMIT)
)
_DUE = select(Clock.due_at).where(Clock.id == bindparam("id"))


async def add(connection: Connection, number: str, **columns: object) -> Absence:
    """Store an absence and return its row."""
    return await rows.insert(connection, Absence, number=number, **columns)


async def get(connection: Connection, number: str) -> Absence:
    """Return an absence; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def standing(connection: Connection, unit: str) -> Sequence[Absence]:
    """Return the absences of a unit that were not ended."""
    return await connection.execute(_STANDING, {"unit": unit})


async def listed(
    connection: Connection, unit: str, today: date, behind: tuple[date, str], limit: int
) -> Sequence[Absence]:
    """Return absences of units of the pattern that are not over, the earliest first day first."""
    parameters = {"unit": unit, "today": today, "first": behind[0], "number": behind[1], "limit": limit}
    return await connection.execute(_LISTED, parameters)


async def stands_in(connection: Connection, caller: str, official: str, unit: str, today: date) -> bool:
    """Return whether a caller is this official of a unit, or their substitute on a day, however many steps."""
    parameters = {"caller": caller, "official": official, "of": unit, "today": today}
    return bool(await connection.scalar(_STANDS_IN, parameters))


async def end(connection: Connection, row: Absence, at: datetime) -> Absence:
    """End an absence and return its new row."""
    return await rows.update(connection, Absence, {"number": row.number}, ended_at=at)


async def due_at(connection: Connection, clock: str) -> datetime:
    """Return when the clock of an absence is due."""
    due = await connection.scalar(_DUE, {"id": clock})
    assert due is not None, "the last day of an absence is known"
    return due


async def worklist(
    connection: Connection, caller: str, unit: str, today: date, behind: tuple[datetime, int], limit: int
) -> Sequence[Held]:
    """Return what an official holds and stands in for, the most urgent first; what has no deadline comes last."""
    parameters = {
        "caller": caller, "unit": unit, "today": today, "due": behind[0], "id": behind[1], "limit": limit,
    }  # fmt: skip
    return [Held(*row) for row in await connection.execute(_WORKLIST, parameters)]
