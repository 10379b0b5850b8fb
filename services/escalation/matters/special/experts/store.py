"""SQL of the pool of experts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.matters.consultation import Candidate
from services.kit.storage import paging, rows
from services.kit.storage.database import Connection, text

_GET = text("SELECT * FROM experts WHERE number = :number")
_LISTED = """
    SELECT * FROM experts WHERE unit LIKE :unit AND (registered_at, number) > (CAST(:at AS timestamptz), :behind)
    {field} ORDER BY registered_at, number LIMIT :limit
"""
_POOL = text("""
    SELECT number, unit, account FROM experts
    WHERE active AND unit LIKE :area AND CAST(:field AS text) = ANY(fields) ORDER BY number
""")


def expert_name(number: str) -> str:
    """Return the resource name of an expert, nothing for none."""
    return names.file_name(number) if number else ""


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store an expert and return the row."""
    return await rows.insert(connection, "experts", number=number, **columns)


async def get(connection: Connection, number: str) -> Any:
    """Return an expert; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of an expert and return the new row."""
    return await rows.update(connection, "experts", {"number": row.number}, **columns)


async def listed(
    connection: Connection, scope: str, field: str, behind: tuple[datetime, str], limit: int
) -> Sequence[Any]:
    """Return experts of a subtree, oldest entry first, behind the end of the page before."""
    query = text(_LISTED.format(field="AND CAST(:field AS text) = ANY(fields)" if field else ""))
    parameters = {"unit": paging.subtree(scope), "at": behind[0], "behind": behind[1], "limit": limit}
    return await connection.execute(query, {**parameters, **({"field": field} if field else {})})


async def pool(connection: Connection, area: str, field: str) -> list[Candidate]:
    """Return the experts of a field in an area, departments of its units included."""
    found = await connection.execute(_POOL, {"area": f"{area}%", "field": field})
    return [Candidate(names.file_name(row.number), row.unit, row.account) for row in found]
