"""Inserts and updates of a service's tables by column name. Names come from the code, never from a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, Result, text


async def insert(connection: Connection, table: str, **columns: Any) -> Any:
    """Insert a row and return it."""
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    return (
        await connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING *"), columns)
    ).one()


async def update(connection: Connection, table: str, key: Mapping[str, Any], **columns: Any) -> Any:
    """Change columns of the row with this key, count its version up, and return it."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    where = " AND ".join(f"{name} = :{name}" for name in key)
    query = f"UPDATE {table} SET {sets}, version = version + 1 WHERE {where} RETURNING *"
    return (await connection.execute(text(query), {**columns, **key})).one()


async def select(connection: Connection, table: str, order: str, **key: Any) -> Result:
    """Return the rows with this key, in this order."""
    where = " AND ".join(f"{name} = :{name}" for name in key)
    return await connection.execute(text(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}"), key)


def not_found(row: Any, name: str) -> Any:
    """Return the row; NOT_FOUND where there is none."""
    if row is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return row
