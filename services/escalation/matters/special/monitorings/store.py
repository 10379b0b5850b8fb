"""Statements of long-term monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, func, or_, select, tuple_

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.matters.monitoring import MonitoringState
from services.escalation.matters.special.models import Monitoring, MonitoringReview
from services.escalation.models import Matter
from services.kit.instants import NEVER
from services.kit.storage import paging, rows
from services.kit.storage.database import Connection

_RUNNING = (
    select(Monitoring.monitoring)
    .where(Monitoring.number == bindparam("number", type_=Text), Monitoring.state == MonitoringState.ACTIVE)
    .order_by(Monitoring.monitoring)
)


async def add(connection: Connection, number: str, **columns: object) -> Monitoring:
    """Store a monitoring and return its row."""
    return await rows.add(
        connection, Monitoring, "monitoring", {"number": number}, state=MonitoringState.ACTIVE, **columns
    )


async def runs(connection: Connection, number: str) -> bool:
    """Return whether the matter is monitored now."""
    return bool(await connection.scalar(_RUNNING, {"number": number}))


async def active(connection: Connection, number: str) -> list[str]:
    """Return the name of the matter's monitoring, where it is monitored now."""
    found = await connection.execute(_RUNNING, {"number": number})
    return [f"{names.file_name(number)}/monitorings/{monitoring}" for (monitoring,) in found]


async def get(connection: Connection, number: str, monitoring: int) -> Monitoring:
    """Return a monitoring; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/monitorings/{monitoring}"
    return await rows.get(connection, Monitoring, name, number=number, monitoring=monitoring)


async def change(connection: Connection, row: Monitoring, **columns: object) -> Monitoring:
    """Change columns of a monitoring and return its new row."""
    key = {"number": row.number, "monitoring": row.monitoring}
    return await rows.update(connection, Monitoring, key, **columns)


async def review(connection: Connection, row: Monitoring, **columns: object) -> None:
    """Store the next review of a monitoring."""
    index = len(await reviews(connection, row)) + 1
    if index > rows.FEW:
        raise CaseError(Reason.TOO_MANY, str(rows.FEW))
    key = {"number": row.number, "monitoring": row.monitoring}
    await rows.insert(connection, MonitoringReview, **key, review=index, **columns)


async def reviews(connection: Connection, row: Monitoring) -> Sequence[MonitoringReview]:
    """Return the reviews of a monitoring, oldest first."""
    key = {"number": row.number, "monitoring": row.monitoring}
    return await rows.find(connection, MonitoringReview, MonitoringReview.review, **key)


@lru_cache(maxsize=2)
def _listed(of_matter: bool) -> Select[Monitoring]:
    unit = bindparam("unit", type_=Text)
    order = (func.coalesce(Monitoring.due_at, NEVER), Monitoring.number, Monitoring.monitoring)
    place = (
        bindparam("due", type_=DateTime(timezone=True)),
        bindparam("behind", type_=Text),
        bindparam("monitoring", type_=Integer),
    )
    found = (
        select(Monitoring)
        .join(Matter, Matter.number == Monitoring.number)
        .where(or_(Matter.keeper.like(unit), Matter.unit.like(unit)), tuple_(*order) > tuple_(*place))
    )
    if of_matter:
        found = found.where(Monitoring.number == bindparam("number", type_=Text))
    return found.order_by(*order).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, scope: str, number: str, behind: tuple[datetime, str, int], limit: int
) -> Sequence[Monitoring]:
    """Return monitorings of matters of a subtree's units, the next review first."""
    parameters = {
        "unit": paging.subtree(scope), "due": behind[0], "behind": behind[1], "monitoring": behind[2], "limit": limit,
        "number": number,
    }  # fmt: skip
    return await connection.execute(_listed(bool(number)), parameters)
