"""Statements of the pool of experts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, any_, bindparam, select, tuple_

from casework import names
from casework.supervision.matters.consultation import Candidate
from services.escalation.matters.special.models import Expert
from services.kit.storage import paging, rows
from services.kit.storage.database import Connection

_UNIT, _FIELD = bindparam("unit", type_=Text), bindparam("field", type_=Text)
_POOL = (
    select(Expert.number, Expert.unit, Expert.account)
    .where(Expert.active, Expert.unit.like(_UNIT), any_(Expert.fields) == _FIELD)
    .order_by(Expert.number)
)


async def add(connection: Connection, number: str, **columns: object) -> Expert:
    """Store an expert and return the row."""
    return await rows.insert(connection, Expert, number=number, **columns)


async def get(connection: Connection, number: str) -> Expert:
    """Return an expert; NOT_FOUND where there is none."""
    return rows.not_found((await rows.find(connection, Expert, number=number)).first(), names.file_name(number))


async def change(connection: Connection, row: Expert, **columns: object) -> Expert:
    """Change columns of an expert and return the new row."""
    return await rows.update(connection, Expert, {"number": row.number}, **columns)


@lru_cache(maxsize=2)
def _listed(of_field: bool) -> Select[Expert]:
    place = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("behind", type_=Text))
    found = select(Expert).where(Expert.unit.like(_UNIT), tuple_(Expert.registered_at, Expert.number) > place)
    if of_field:
        found = found.where(any_(Expert.fields) == _FIELD)
    return found.order_by(Expert.registered_at, Expert.number).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, scope: str, field: str, behind: tuple[datetime, str], limit: int
) -> Sequence[Expert]:
    """Return experts of a subtree, oldest entry first, after the end of the page before."""
    parameters = {
        "unit": paging.subtree(scope), "at": behind[0], "behind": behind[1], "limit": limit, "field": field,
    }  # fmt: skip
    return await connection.execute(_listed(bool(field)), parameters)


async def pool(connection: Connection, area: str, field: str) -> list[Candidate]:
    """Return the experts of a field in an area, departments of its units included."""
    found = await connection.execute(_POOL, {"unit": f"{area}%", "field": field})
    return [Candidate(names.file_name(number), unit, account) for number, unit, account in found]
