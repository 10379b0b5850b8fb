"""Counts of matters received, by one property, in one statement."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from services.escalation.scope import Range
from services.kit.database import Connection, text


class By(IntEnum):
    """What is counted by; the numbers are those of the contract."""

    CATEGORY = 1
    DOOR = 2
    STAGE = 3
    MONTH = 4
    GRADE = 5
    OUTCOME = 6
    PERFORMANCE = 7


_KEYS = {
    By.CATEGORY: "split_part(category, '/', 1)",
    By.DOOR: "door",
    By.STAGE: "lower(CASE WHEN stage <> '' THEN stage ELSE state END)",
    By.MONTH: "to_char(received_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')",
    By.GRADE: "CASE grade WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' ELSE '' END",
    By.OUTCOME: "lower(mediation)",
    By.PERFORMANCE: "lower(performance)",
}
# A report that was merged into another is the same matter: it is counted once.
_COUNT = """
    SELECT {key} AS key, count(*) AS count FROM case_facts
    WHERE unit >= :low AND unit < :high AND received_at >= :start AND received_at < :end AND state <> 'MERGED'
    GROUP BY 1 ORDER BY 1
"""
NONE = "none"
"""The key of matters that have no such property."""


async def count(connection: Connection, units: Range, start: datetime, end: datetime, by: By) -> dict[str, int]:
    """Return the counts by key, in order of key."""
    rows = await connection.execute(text(_COUNT.format(key=_KEYS[by])), {**units, "start": start, "end": end})
    return {row.key or NONE: row.count for row in rows}
