"""The items of an agenda, by its rules: matters of the ledger, and decisions of earlier meetings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from casework.clocks.calendar import LOCAL, Calendar
from casework.supervision.meetings.meeting import AgendaReason
from casework.supervision.meetings.period import AgendaRule
from services.escalation.meetings.dispatch import store
from services.kit.storage.database import Connection


async def draw(
    connection: Connection, number: str, unit: str, rules: Sequence[AgendaRule], now: datetime, calendar: Calendar
) -> int:
    """Draw the agenda of a meeting of this unit, items with most reasons first, and return how many there are."""
    threshold = {each.reason: each.n for each in rules}
    today = now.astimezone(LOCAL).date()
    parameters: dict[str, Any] = {
        "number": number,
        "unit": unit,
        "today": today,
        "stuck": _midnight(calendar.nth_before(today, threshold.get(AgendaReason.STUCK, 1))),
        "times": threshold.get(AgendaReason.RETURNED, 0),
    }
    return await store.draw(connection, [each.reason for each in rules], parameters)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)
