"""Statements of the digests that are kept for the record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Date, Integer, Text, bindparam, select, union
from sqlalchemy.dialects.postgresql import insert

from services.escalation.figures.models import ClockFact, Digest, DigestDay
from services.escalation.models import CaseFact, Escalation, File
from services.kit.clocks.models import Clock
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
    """A digest that was kept, as of when it counts and when it was counted."""

    digest: Digest
    as_of_at: datetime
    compiled_at: datetime


async def claim(connection: Connection, day: date, as_of: datetime, at: datetime) -> bool:
    """Return whether the digests of the day are now this transaction's to keep; False where they were kept before."""
    return await connection.scalar(_CLAIM, {"day": day, "as_of": as_of, "at": at}) is not None


async def keep(connection: Connection, day: date, digests: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep digests by unit."""
    rows = [{"unit": unit, "day": day, "content": each} for unit, each in digests.items()]
    if rows:
        await connection.execute(_KEEP, rows)


async def listed(connection: Connection, unit: str, behind: date, limit: int) -> list[Kept]:
    """Return the digests kept of a unit, newest first."""
    found = await connection.execute(_LISTED, {"unit": unit, "behind": behind, "limit": limit})
    return [Kept(*row) for row in found]


async def units(connection: Connection) -> list[str]:
    """Return every unit that has anything to do with any matter."""
    return [unit for (unit,) in await connection.execute(_UNITS)]
