"""Statements of forwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, and_, bindparam, case, or_, select, tuple_

from casework.door.forward import OPEN, ForwardState
from services.intake.models import Forward, Report, not_about
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER, _FORWARD = bindparam("number", type_=Text), bindparam("forward", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))
_IS_OPEN = Forward.state.in_(OPEN)
_OF = select(Forward).where(Forward.number == _NUMBER).order_by(Forward.forward)
_WAITS_FOR = case((Forward.state == ForwardState.REFERRED, Forward.umpire), else_=Forward.asked)
_ASKED = select(_WAITS_FOR).where(Forward.number == _NUMBER, _IS_OPEN)
_MAY_SEE = not_about(bindparam("asked_by", type_=Text))
_OPEN = select(Forward).where(Forward.number == _NUMBER, _IS_OPEN)
_MERGED_BY = select(Forward).where(
    Forward.number == _NUMBER, Forward.target != "", Forward.state == ForwardState.TAKEN_OVER
)


def name_of(number: str, forward: int) -> str:
    """Return `reports/{number}/forwards/{forward}`."""
    return f"reports/{number}/forwards/{forward}"


async def of(connection: Connection, number: str) -> Sequence[Forward]:
    """Return the forwards of a report, oldest first."""
    return await connection.execute(_OF, {"number": number})


async def get(connection: Connection, number: str, forward: int) -> Forward:
    """Return a forward; NOT_FOUND where there is none."""
    return await rows.get(connection, Forward, name_of(number, forward), number=number, forward=forward)


async def asked_unit(connection: Connection, number: str) -> str | None:
    """Return the unit that is asked about a report: to take it over, or to decide; None if none is."""
    return await connection.scalar(_ASKED, {"number": number})


async def open_one(connection: Connection, number: str) -> Forward | None:
    """Return the open forward of a report; None if it has none."""
    return (await connection.execute(_OPEN, {"number": number})).first()


async def merged_by(connection: Connection, number: str) -> Forward | None:
    """Return the forward by which a report was merged by consent of both units; None if it was not, or is no more."""
    return (await connection.execute(_MERGED_BY, {"number": number})).first()


async def add(connection: Connection, number: str, **columns: object) -> Forward:
    """Store a forward of a locked report and return its row."""
    return await rows.add(
        connection, Forward, "forward", {"number": number}, state=ForwardState.ASKED, **columns
    )  # fmt: skip


async def change(connection: Connection, row: Forward, **columns: object) -> Forward:
    """Change columns of a forward and return its new row."""
    return await rows.update(connection, Forward, {"number": row.number, "forward": row.forward}, **columns)


@lru_cache(maxsize=16)
def _listed(number: bool, only_open: bool, waiting: bool, behind: bool) -> Select[Forward, datetime | None]:
    unit, place = bindparam("unit", type_=Text), (Forward.made_at, Forward.number, Forward.forward)
    whose = or_(
        Forward.unit.like(unit), Forward.asked.like(unit), and_(Forward.umpire != "", Forward.umpire.like(unit))
    )
    found = select(Forward, Report.due_at).join(Report, Report.number == Forward.number).where(whose, _MAY_SEE)
    if number:
        found = found.where(Forward.number == _NUMBER)
    if only_open:
        found = found.where(_IS_OPEN)
    if waiting:
        found = found.where(_IS_OPEN, _WAITS_FOR.like(unit))
    if behind:
        found = found.where(tuple_(*place) > tuple_(_AT, bindparam("behind", type_=Text), _FORWARD))
    return found.order_by(*place).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, number: str, *, asked_by: str, only_open: bool, waiting: bool,
    behind: tuple[datetime, str, int] | None, limit: int,
) -> Sequence[tuple[Forward, datetime | None]]:  # fmt: skip
    """Return forwards by units of the pattern, to them, or for them to decide, each with its report's deadline.

    The requesting unit is shown none of a complaint about itself or a unit above it.
    """
    parameters: dict[str, object] = {"unit": unit, "number": number, "asked_by": asked_by, "limit": limit}
    if behind:
        parameters |= dict(zip(("at", "behind", "forward"), behind, strict=True))
    return await connection.execute(_listed(bool(number), only_open, waiting, behind is not None), parameters)
