"""Statements of objections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, or_, select, tuple_, update
from sqlalchemy.sql.dml import ReturningUpdate

from casework.mediation.docking import DockingKind
from casework.mediation.objection import ObjectionState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.docking import Docking
from services.mediation.models.objections import Objection

_NUMBER, _TASK, _UNIT = bindparam("number", type_=Text), bindparam("task", type_=Integer), bindparam("unit", type_=Text)
_OBJECTION = bindparam("objection", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))
_IS_OPEN = Objection.state == ObjectionState.MADE
_OF_DISPATCH = select(Objection.state).where(
    Objection.number == _NUMBER,
    Objection.task == _TASK,
    Objection.unit == _UNIT,
    Objection.dispatched_at == bindparam("dispatched_at"),
)
_ABOUT = (
    select(Objection)
    .where(Objection.number == _NUMBER, Objection.task == _TASK, Objection.state != ObjectionState.WITHDRAWN)
    .order_by(Objection.objection)
)
_PETITION = select(
    select(Docking.docking).where(Docking.number == _NUMBER, Docking.kind == DockingKind.PETITION).exists()
)


def name_of(number: str, objection: int) -> str:
    """Return `cases/{number}/objections/{objection}`."""
    return f"cases/{number}/objections/{objection}"


async def add(connection: Connection, number: str, **columns: object) -> Objection:
    """Store an objection and return its row."""
    return await rows.add(
        connection, Objection, "objection", {"number": number}, rows.PAGED, state=ObjectionState.MADE, **columns
    )  # fmt: skip


async def next_of(connection: Connection, number: str) -> int:
    """Return the number of the next objection of a locked case."""
    return await rows.next_of(connection, Objection.objection, rows.PAGED, number=number)


async def get(connection: Connection, number: str, objection: int) -> Objection:
    """Return an objection; NOT_FOUND where there is none."""
    return await rows.get(connection, Objection, name_of(number, objection), number=number, objection=objection)


async def change(connection: Connection, row: Objection, **columns: object) -> Objection:
    """Change columns of an objection and return its new row."""
    return await rows.update(connection, Objection, {"number": row.number, "objection": row.objection}, **columns)


async def of_dispatch(
    connection: Connection, number: str, task: int, unit: str, dispatched_at: datetime
) -> list[ObjectionState]:
    """Return the states of the objections to one dispatch."""
    parameters = {"number": number, "task": task, "unit": unit, "dispatched_at": dispatched_at}
    return [state for (state,) in await connection.execute(_OF_DISPATCH, parameters)]


async def about(connection: Connection, number: str, task: int) -> Sequence[Objection]:
    """Return the objections to dispatches of a task, or with 0 of the case, that were not withdrawn."""
    return await connection.execute(_ABOUT, {"number": number, "task": task})


async def is_petition(connection: Connection, number: str) -> bool:
    """Return whether a petition office handed the case over."""
    return bool(await connection.scalar(_PETITION, {"number": number}))


@lru_cache(maxsize=4)
def _lapse(of_task: bool, of_unit: bool) -> ReturningUpdate[Objection]:
    found = update(Objection).where(Objection.number == _NUMBER, _IS_OPEN)
    if of_task:
        found = found.where(Objection.task == _TASK)
    if of_unit:
        found = found.where(or_(Objection.task == 0, Objection.unit == _UNIT))
    return found.values(state=ObjectionState.LAPSED, ended_at=_AT, version=Objection.version + 1).returning(Objection)


async def lapse(
    connection: Connection, number: str, task: int | None, unit: str | None, at: datetime
) -> Sequence[Objection]:
    """Let open objections lapse and return their rows: of a task, of the case by a unit and its tasks, or all."""
    parameters = {"number": number, "task": task, "unit": unit, "at": at}
    return await connection.execute(_lapse(task is not None, unit is not None), parameters)


@lru_cache(maxsize=8)
def _listed(number: bool, only_open: bool, behind: bool) -> Select[Objection]:
    place = (Objection.decide_until, Objection.number, Objection.objection)
    found = select(Objection).where(or_(Objection.unit.like(_UNIT), Objection.umpire.like(_UNIT)))
    if number:
        found = found.where(Objection.number == _NUMBER)
    if only_open:
        found = found.where(_IS_OPEN)
    if behind:
        found = found.where(tuple_(*place) > tuple_(_AT, bindparam("behind", type_=Text), _OBJECTION))
    return found.order_by(*place).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, number: str, only_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Objection]:  # fmt: skip
    """Return objections by units of the pattern or to be decided there, earliest deadline first."""
    parameters: dict[str, Any] = {"unit": unit, "number": number, "limit": limit}
    if behind:
        parameters |= dict(zip(("at", "behind", "objection"), behind, strict=True))
    return await connection.execute(_listed(bool(number), only_open, behind is not None), parameters)
