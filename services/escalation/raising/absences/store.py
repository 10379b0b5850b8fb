"""SQL of absences, and of what somebody holds or stands in for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from casework import names
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_GET = text("SELECT * FROM absences WHERE number = :number")
_STANDING = text("SELECT * FROM absences WHERE unit = :unit AND ended_at IS NULL ORDER BY number")
_LISTED = text("""
    SELECT * FROM absences
    WHERE ended_at IS NULL AND last_on >= :today AND unit LIKE :unit
      AND (first_on, number) > (CAST(:first AS date), :number)
    ORDER BY first_on, number LIMIT :limit
""")
# Who stands in for somebody who stands in for a third has it all: UNION drops what was seen, so that it ends.
_MINE = """
    WITH RECURSIVE mine (official, unit) AS (
        SELECT CAST(:caller AS text) COLLATE "C", CAST('' AS text) COLLATE "C"
        UNION
        SELECT a.official, a.unit FROM absences a JOIN mine ON a.cover = mine.official AND mine.unit IN ('', a.unit)
        WHERE a.ended_at IS NULL AND :today BETWEEN a.first_on AND a.last_on
    ), held AS (
        SELECT h.*, coalesce((
            SELECT min(c.due_at) FROM clocks c WHERE c.number = h.number AND c.state IN (1, 4)
                AND (c.subject = h.subject OR c.subject LIKE h.subject || '/%')
        ), TIMESTAMPTZ '9999-01-01 00:00:00+00') AS due_at
        FROM holdings h
        WHERE h.until IS NULL AND h.unit LIKE :unit
          AND EXISTS (SELECT FROM mine WHERE mine.official = h.official AND mine.unit IN ('', h.unit))
    )
    SELECT * FROM held WHERE (due_at, id) > (CAST(:due AS timestamptz), :id) ORDER BY due_at, id LIMIT :limit
"""


async def get(connection: Connection, number: str) -> Any:
    """Return an absence; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def standing(connection: Connection, unit: str) -> Sequence[Any]:
    """Return the absences of a unit that were not ended."""
    return (await connection.execute(_STANDING, {"unit": unit})).all()


async def listed(connection: Connection, unit: str, today: date, behind: tuple[date, str], limit: int) -> Sequence[Any]:
    """Return absences of units of the pattern that are not over, the earliest first day first."""
    parameters = {"unit": unit, "today": today, "first": behind[0], "number": behind[1], "limit": limit}
    return (await connection.execute(_LISTED, parameters)).all()


async def end(connection: Connection, row: Any, at: datetime) -> Any:
    """End an absence and return its new row."""
    return await rows.update(connection, "absences", {"number": row.number}, ended_at=at)


async def worklist(
    connection: Connection, caller: str, unit: str, today: date, behind: tuple[datetime, int], limit: int
) -> Sequence[Any]:
    """Return what an official holds and stands in for, the most urgent first; what has no deadline comes last."""
    parameters = {
        "caller": caller, "unit": unit, "today": today, "due": behind[0], "id": behind[1], "limit": limit,
    }  # fmt: skip
    return (await connection.execute(text(_MINE), parameters)).all()
