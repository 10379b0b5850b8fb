"""Statements of warnings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Boolean, DateTime, Integer, Select, Text, and_, bindparam, or_, select, tuple_, update

from casework import names
from casework.supervision.prevention.warning import TOLD_TO_DEPARTMENT
from services.escalation.prevention.warnings.models import HazardWarning
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER, _UNIT = bindparam("number", type_=Text), bindparam("unit", type_=Text)
_URGENT = bindparam("urgent", type_=Boolean)
_GET = select(HazardWarning).where(HazardWarning.number == _NUMBER)
# All texts are erased: of an unfounded warning only number and place remain.
_ERASE = (
    update(HazardWarning)
    .where(HazardWarning.number == _NUMBER)
    .values(sealed_hazard=None, sealed_reporter=None, sealed_finding=None)
)


async def add(connection: Connection, number: str, **columns: object) -> HazardWarning:
    """Store a warning and return its row."""
    return await rows.insert(connection, HazardWarning, number=number, **columns)


async def get(connection: Connection, number: str) -> HazardWarning:
    """Return a warning; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: HazardWarning, **columns: object) -> HazardWarning:
    """Change columns of a warning and return its new row."""
    return await rows.update(connection, HazardWarning, {"number": row.number}, **columns)


async def erase(connection: Connection, row: HazardWarning) -> None:
    """Erase the texts of a warning."""
    await connection.execute(_ERASE, {"number": row.number})


@lru_cache(maxsize=4)
def _listed(only_open: bool, behind: bool) -> Select[HazardWarning]:
    told = and_(HazardWarning.addressee.like(_UNIT), HazardWarning.state.in_(sorted(TOLD_TO_DEPARTMENT)))
    found = select(HazardWarning).where(or_(HazardWarning.unit.like(_UNIT), told))
    if only_open:
        found = found.where(HazardWarning.closed_at.is_(None))
    if behind:
        end = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("behind", type_=Text))
        later = tuple_(HazardWarning.reported_at, HazardWarning.number) > end
        found = found.where(or_(HazardWarning.urgent < _URGENT, and_(HazardWarning.urgent == _URGENT, later)))
    order = (HazardWarning.urgent.desc(), HazardWarning.reported_at, HazardWarning.number)
    return found.order_by(*order).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[int, datetime, str] | None, limit: int
) -> Sequence[HazardWarning]:
    """Return warnings of units of the pattern, and those sent to such a unit; urgent ones first, then oldest."""
    urgent, at, number = behind or (0, None, "")
    parameters = {"unit": unit, "urgent": bool(urgent), "at": at, "behind": number, "limit": limit}
    return await connection.execute(_listed(only_open, behind is not None), parameters)
