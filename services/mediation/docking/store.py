"""SQL of dockings and their letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.mediation.docking import Letter
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_NEXT = text("SELECT coalesce(max(docking), 0) + 1 FROM dockings WHERE number = :number")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a docking and return its row."""
    docking: int = await connection.scalar(_NEXT, {"number": number})
    return await rows.insert(connection, "dockings", number=number, docking=docking, **columns)


async def get(connection: Connection, number: str, docking: int) -> Any:
    """Return a docking; NOT_FOUND where there is none."""
    found = await rows.select(connection, "dockings", "docking", number=number, docking=docking)
    return not_found(found.first(), names.docking_name(number, docking))


async def of_case(connection: Connection, number: str) -> Sequence[Any]:
    """Return the dockings of a case, oldest first."""
    return await rows.select(connection, "dockings", "docking", number=number)


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a docking and return its new row."""
    return await rows.update(connection, "dockings", {"number": row.number, "docking": row.docking}, **columns)


async def write(connection: Connection, row: Any, letter: Letter, reference: str, at: datetime) -> None:
    """Store a letter of a docking."""
    await rows.insert(
        connection, "docking_letters", number=row.number, docking=row.docking, letter=int(letter),
        reference=reference, at=at,
    )  # fmt: skip


async def letters(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the letters of a docking, in order."""
    return await rows.select(connection, "docking_letters", "id", number=row.number, docking=row.docking)
