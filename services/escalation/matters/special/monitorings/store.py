"""SQL of long-term monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from casework import names
from casework.supervision.matters.monitoring import MonitoringState
from services.kit.storage import paging, rows
from services.kit.storage.database import Connection, text

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Where one that has ended stands in a list: behind all others."""
_NEXT = text("SELECT coalesce(max(monitoring), 0) + 1 FROM monitorings WHERE number = :number")
_RUNNING = text("SELECT true FROM monitorings WHERE number = :number AND state = 1")
_LISTED = """
    SELECT m.* FROM monitorings m JOIN matters t ON t.number = m.number
    WHERE (t.keeper LIKE :unit OR t.unit LIKE :unit) AND (m.due_at, m.number, m.monitoring)
        > (CAST(:due AS timestamptz), :behind, CAST(:monitoring AS integer)) {number}
    ORDER BY m.due_at, m.number, m.monitoring LIMIT :limit
"""


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a monitoring and return its row."""
    monitoring: int = await connection.scalar(_NEXT, {"number": number})
    state = int(MonitoringState.ACTIVE)
    return await rows.insert(connection, "monitorings", number=number, monitoring=monitoring, state=state, **columns)


async def runs(connection: Connection, number: str) -> bool:
    """Return whether the matter is monitored now."""
    return bool(await connection.scalar(_RUNNING, {"number": number}))


async def active(connection: Connection, number: str) -> list[str]:
    """Return the name of the matter's monitoring, where it is monitored now."""
    found = await rows.select(connection, "monitorings", "monitoring", number=number, state=int(MonitoringState.ACTIVE))
    return [f"{names.file_name(number)}/monitorings/{row.monitoring}" for row in found]


async def get(connection: Connection, number: str, monitoring: int) -> Any:
    """Return a monitoring; NOT_FOUND where there is none."""
    found = await rows.select(connection, "monitorings", "monitoring", number=number, monitoring=monitoring)
    return rows.not_found(found.first(), f"{names.file_name(number)}/monitorings/{monitoring}")


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a monitoring and return its new row."""
    key = {"number": row.number, "monitoring": row.monitoring}
    return await rows.update(connection, "monitorings", key, **columns)


async def review(connection: Connection, row: Any, **columns: Any) -> None:
    """Store the next review of a monitoring."""
    index = len(await reviews(connection, row)) + 1
    key = {"number": row.number, "monitoring": row.monitoring}
    await rows.insert(connection, "monitoring_reviews", **key, review=index, **columns)


async def reviews(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the reviews of a monitoring, oldest first."""
    key = {"number": row.number, "monitoring": row.monitoring}
    return await rows.select(connection, "monitoring_reviews", "review", **key)


async def listed(
    connection: Connection, scope: str, number: str, behind: tuple[datetime, str, int], limit: int
) -> Sequence[Any]:
    """Return monitorings of matters kept or answered for in a subtree, the next review first."""
    query = text(_LISTED.format(number="AND m.number = :number" if number else ""))
    parameters = {
        "unit": paging.subtree(scope), "due": behind[0], "behind": behind[1], "monitoring": behind[2], "limit": limit,
    }  # fmt: skip
    return await connection.execute(query, {**parameters, **({"number": number} if number else {})})
