"""Erasing what was told in a report: the data key, what it sealed, the form its likeness was found by, its place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text

_TOUCHED = text("""
    SELECT number, unit FROM reports
    WHERE (number = :number OR merged_into = :number) AND erased_at IS NULL ORDER BY number FOR NO KEY UPDATE
""")
_ERASE = text("""
    UPDATE reports SET sealed_key = '', sealed = '', likeness = '', latitude = NULL, longitude = NULL,
        erased_at = :at, updated_at = :at, version = version + 1
    WHERE number = ANY(CAST(:numbers AS text[]))
""")


async def touched(connection: Connection, number: str) -> dict[str, str]:
    """Return the unit of each report an erasure reaches, by number: the matter's own and those merged into it."""
    return {row.number: row.unit for row in await connection.execute(_TOUCHED, {"number": number})}


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase the report of a matter and those merged into it; return the unit of each that was erased now."""
    found = await touched(connection, number)
    if found:
        await connection.execute(_ERASE, {"numbers": list(found), "at": now})
    return found


def must_be_there(row: Any) -> None:
    """Raise DATA_ERASED where what was told in a report is gone."""
    if row.erased_at is not None:
        raise CaseError(Reason.DATA_ERASED, names.report_name(row.number))
