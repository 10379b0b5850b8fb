"""SQL of the digests that are kept for the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from services.kit.storage.database import Connection, text

_CLAIM = text("""
    INSERT INTO digest_days (day, as_of_at, compiled_at) VALUES (:day, :as_of, :at)
    ON CONFLICT (day) DO NOTHING RETURNING true
""")
_KEEP = text("INSERT INTO digests (unit, day, content) VALUES (:unit, :day, CAST(:content AS jsonb))")
_LISTED = text("""
    SELECT digests.*, as_of_at, compiled_at FROM digests JOIN digest_days USING (day)
    WHERE unit = :unit AND day < :behind ORDER BY day DESC LIMIT :limit
""")
_UNITS = text("""
    SELECT unit FROM case_facts UNION SELECT unit FROM clock_facts UNION SELECT unit FROM clocks
    UNION SELECT unit FROM files WHERE unit <> '' UNION SELECT to_unit FROM escalations
""")


async def claim(connection: Connection, day: date, as_of: datetime, at: datetime) -> bool:
    """Return whether the digests of the day are now this transaction's to keep; False where they were kept before."""
    return bool(await connection.scalar(_CLAIM, {"day": day, "as_of": as_of, "at": at}))


async def keep(connection: Connection, day: date, digests: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep digests by unit."""
    rows = [{"unit": unit, "day": day, "content": orjson.dumps(each).decode()} for unit, each in digests.items()]
    if rows:
        await connection.execute(_KEEP, rows)


async def listed(connection: Connection, unit: str, behind: date, limit: int) -> Sequence[Any]:
    """Return the digests kept of a unit, newest first."""
    return (await connection.execute(_LISTED, {"unit": unit, "behind": behind, "limit": limit})).all()


async def units(connection: Connection) -> list[str]:
    """Return every unit that has anything to do with any matter."""
    return [row.unit for row in await connection.execute(_UNITS)]
