"""SQL of series, meetings and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.meetings.meeting import MeetingState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_SERIES = """
    SELECT * FROM meeting_series WHERE unit LIKE :unit AND number > :behind {only} ORDER BY number LIMIT :limit
"""
_PERIODS = text("SELECT period FROM meetings WHERE series = :series")
_OF_PERIOD = text("SELECT * FROM meetings WHERE series = :series AND period = :period")
_MEETINGS = """
    SELECT * FROM meetings
    WHERE unit LIKE :unit AND (prepared_at, number) < (CAST(:at AS timestamptz), :behind) {only}
    ORDER BY prepared_at DESC, number DESC LIMIT :limit
"""
_ITEMS = text("""
    SELECT * FROM agenda_items WHERE number = :number AND item > :behind ORDER BY item LIMIT :limit
""")
_NEXT_DECISION = text("SELECT coalesce(max(decision), 0) + 1 FROM meeting_decisions WHERE number = :number")
_OPEN = text("""
    SELECT number, count(*) AS open FROM meeting_decisions
    WHERE number = ANY(CAST(:numbers AS text[])) AND done_at IS NULL GROUP BY number
""")
RESPONSIBLE = "responsible"
"""As what an official holds a decision."""
_DECISIONS = f"""
    SELECT d.*, h.official FROM meeting_decisions d
    LEFT JOIN holdings h ON h.number = d.number AND h.subject = 'decisions/' || d.decision
         AND h.role = '{RESPONSIBLE}' AND h.until IS NULL
    WHERE (d.unit LIKE :unit OR d.meeting_unit LIKE :unit)
      AND (d.due_at, d.number, d.decision) > (CAST(:due AS timestamptz), :behind, :decision) {{only}}
    ORDER BY d.due_at, d.number, d.decision LIMIT :limit
"""


async def add_series(connection: Connection, number: str, unit: str, **columns: Any) -> Any:
    """Store a new series and return its row; ALREADY_EXISTS where the unit has one that goes on."""
    try:
        return await rows.insert(connection, "meeting_series", number=number, unit=unit, **columns)
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.unit_name(unit)) from None


async def series(connection: Connection, number: str) -> Any:
    """Return a series; NOT_FOUND where there is none."""
    found = await rows.select(connection, "meeting_series", "number", number=number)
    return rows.not_found(found.first(), names.file_name(number))


async def end_series(connection: Connection, number: str, at: datetime) -> Any:
    """End a series and return its row."""
    return await rows.update(connection, "meeting_series", {"number": number}, ended_at=at)


async def listed_series(
    connection: Connection, unit: str, behind: str, limit: int, *, only_open: bool
) -> Sequence[Any]:
    """Return series of units of the pattern, by name."""
    query = _SERIES.format(only="AND ended_at IS NULL" if only_open else "")
    return await connection.execute(text(query), {"unit": unit, "behind": behind, "limit": limit})


async def periods(connection: Connection, series: str) -> set[str]:
    """Return the periods of a series that have a meeting."""
    return {row.period for row in await connection.execute(_PERIODS, {"series": series})}


async def of_period(connection: Connection, series: str, period: str) -> Any:
    """Return the meeting of a period, None where there is none."""
    return (await connection.execute(_OF_PERIOD, {"series": series, "period": period})).first()


async def meeting(connection: Connection, number: str) -> Any:
    """Return a meeting; NOT_FOUND where there is none."""
    found = await rows.select(connection, "meetings", "number", number=number)
    return rows.not_found(found.first(), names.file_name(number))


async def change(connection: Connection, number: str, **columns: Any) -> Any:
    """Change columns of a meeting and return its new row."""
    return await rows.update(connection, "meetings", {"number": number}, **columns)


async def listed(
    connection: Connection, unit: str, behind: tuple[datetime, str], limit: int, *, only_open: bool
) -> Sequence[Any]:
    """Return meetings of units of the pattern, newest first."""
    query = _MEETINGS.format(only="AND state <> :closed" if only_open else "")
    parameters = {
        "unit": unit,
        "at": behind[0],
        "behind": behind[1],
        "limit": limit,
        "closed": int(MeetingState.CLOSED),
    }
    return await connection.execute(text(query), parameters)


async def items(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return items of an agenda, in order."""
    return await connection.execute(_ITEMS, {"number": number, "behind": behind, "limit": limit})


async def has_item(connection: Connection, number: str, item: int) -> bool:
    """Return whether a meeting's agenda has an item with this number."""
    return bool(await rows.select(connection, "agenda_items", "item", number=number, item=item))


async def add_decision(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a decision under the number that `next_decision` gave, and return its row."""
    return await rows.insert(connection, "meeting_decisions", number=number, **columns)


async def next_decision(connection: Connection, number: str) -> int:
    """Return the next decision's number in a locked meeting."""
    return int(await connection.scalar(_NEXT_DECISION, {"number": number}))


async def decision(connection: Connection, number: str, decision: int) -> Any:
    """Return a decision; NOT_FOUND where there is none."""
    found = await rows.select(connection, "meeting_decisions", "decision", number=number, decision=decision)
    return rows.not_found(found.first(), f"{names.file_name(number)}/decisions/{decision}")


async def change_decision(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a decision and return its new row."""
    key = {"number": row.number, "decision": row.decision}
    return await rows.update(connection, "meeting_decisions", key, **columns)


async def open_decisions(connection: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return how many decisions of each of these meetings are not yet done; those without one are left out."""
    found = await connection.execute(_OPEN, {"numbers": list(numbers)})
    return {row.number: row.open for row in found}


async def listed_decisions(
    connection: Connection, unit: str, number: str, behind: tuple[datetime, str, int], limit: int, *, only_open: bool
) -> Sequence[Any]:
    """Return decisions of meetings of units of the pattern, or that such a unit carries out, first due first."""
    only = (" AND d.done_at IS NULL" if only_open else "") + (" AND d.number = :number" if number else "")
    due, last, decision = behind
    parameters = {"unit": unit, "number": number, "due": due, "behind": last, "decision": decision, "limit": limit}
    return await connection.execute(text(_DECISIONS.format(only=only)), parameters)
