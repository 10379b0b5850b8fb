"""What goes on an agenda, in SQL: one statement draws it, from the ledger and from what earlier meetings decided.

The only place of the meetings that knows the ledger's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from casework.clocks.calendar import LOCAL, Calendar
from casework.supervision.meetings.meeting import AgendaReason, DecisionState
from casework.supervision.meetings.period import AgendaRule
from services.kit.storage.database import Connection, text

_NAME = "regexp_replace(number, '-', '/')"
_MATTER = f"SELECT {_NAME} AS subject, coalesce(nullif(unit, ''), keeper) AS unit, {{reason}} AS reason, due_on"
_FROM = "FROM matters WHERE keeper = :unit AND struck_off_at IS NULL"
_LAST_PROGRESS = "coalesce(progress_at, registered_at)"
_SOURCES = {
    AgendaReason.OVERDUE: f"{_MATTER} {_FROM} AND due_on < :today",
    AgendaReason.HIGH_GRADE: f"{_MATTER} {_FROM} AND grade = 3",
    AgendaReason.STUCK: f"{_MATTER} {_FROM} AND {_LAST_PROGRESS} < :stuck",
    AgendaReason.RETURNED: f"{_MATTER} {_FROM} AND returned >= :times",
    AgendaReason.OPEN_ITEM: f"""
        SELECT {_NAME} || '/decisions/' || decision, unit, {{reason}}, CAST(timezone('Asia/Shanghai', due_at) AS date)
        FROM meeting_decisions WHERE meeting_unit = :unit AND done_at IS NULL AND state <> {DecisionState.DONE:d}
    """,
}
"""Where each reason finds what it puts on the agenda; another source is another line here."""

_DRAW = """
    WITH found AS ({sources}), items AS (
        SELECT subject, min(unit) AS unit, min(due_on) AS due_on,
               array_agg(DISTINCT CAST(reason AS smallint) ORDER BY CAST(reason AS smallint)) AS reasons
        FROM found GROUP BY subject
    ), drawn AS (
        INSERT INTO agenda_items (number, item, subject, unit, reasons, due_on)
        SELECT CAST(:number AS text),
               row_number() OVER (ORDER BY cardinality(reasons) DESC, due_on NULLS LAST, subject),
               subject, unit, reasons, due_on
        FROM items RETURNING item
    )
    SELECT count(*) FROM drawn
"""


async def draw(
    connection: Connection, number: str, unit: str, rules: Sequence[AgendaRule], now: datetime, calendar: Calendar
) -> int:
    """Draw the agenda of a meeting of this unit, what has most reasons first, and return how many items it has."""
    threshold = {each.reason: each.n for each in rules}
    today = now.astimezone(LOCAL).date()
    parameters: dict[str, Any] = {
        "number": number,
        "unit": unit,
        "today": today,
        "stuck": _midnight(calendar.nth_before(today, threshold.get(AgendaReason.STUCK, 1))),
        "times": threshold.get(AgendaReason.RETURNED, 0),
    }
    sources = " UNION ALL ".join(_SOURCES[each.reason].format(reason=int(each.reason)) for each in rules)
    return int(await connection.scalar(text(_DRAW.format(sources=sources)), parameters))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)
