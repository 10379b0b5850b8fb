"""Erasing what was told of a case in supervision: its file, its reviews, the matter of the ledger it became.

Each has a data key of its own, and its texts are gone with it: explanations, consultations, plans, minutes, replies.
Letters to units stay: they are about units, and no number of a person passes into one.
"""

from __future__ import annotations

from datetime import datetime

from services.kit.storage.database import Connection, text

_TOUCHED = text("""
    SELECT number, coalesce(nullif(unit, ''), (
        SELECT origin FROM escalations WHERE escalations.number = files.number ORDER BY escalation DESC LIMIT 1
    ), 'cn') AS unit FROM files
    WHERE erased_at IS NULL AND number IN (
        SELECT CAST(:number AS text)
        UNION SELECT number FROM reviews WHERE case_number = :number
        UNION SELECT number FROM matters WHERE source = :number
    ) ORDER BY number FOR NO KEY UPDATE
""")
_ERASE = text("UPDATE files SET sealed_key = NULL, erased_at = :at WHERE number = ANY(CAST(:numbers AS text[]))")


async def touched(connection: Connection, number: str) -> dict[str, str]:
    """Return the unit of each file an erasure of a case reaches, by number."""
    return {row.number: row.unit for row in await connection.execute(_TOUCHED, {"number": number})}


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase what was told of a case; return the unit of each file that was erased now."""
    found = await touched(connection, number)
    if found:
        await connection.execute(_ERASE, {"numbers": list(found), "at": now})
    return found
