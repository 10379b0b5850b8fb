"""Calendars that clocks are pinned to, stored completely: a date can be recomputed whichever applies now."""

from __future__ import annotations

from datetime import date
from typing import Any

from casework.clocks.calendar import Calendar, CalendarBook, Layer
from services.kit.clocks import store
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import Clock
from services.kit.storage.database import Connection


def layer_to_data(layer: Layer) -> dict[str, Any]:
    """Return a layer as stored."""
    return {
        "name": layer.name,
        "region": layer.region,
        "years": sorted(layer.years),
        "closed": {day.isoformat(): names for day, names in sorted(layer.closed.items())},
        "open": {day.isoformat(): names for day, names in sorted(layer.open.items())},
        "source": layer.source,
    }


def layer_from_data(data: dict[str, Any]) -> Layer:
    """Return the layer that `layer_to_data` gave."""

    def days(said: dict[str, list[str]]) -> dict[date, tuple[str, str]]:
        return {date.fromisoformat(day): (names[0], names[1]) for day, names in said.items()}

    return Layer(
        data["name"], data["region"], frozenset(data["years"]), days(data["closed"]), days(data["open"]), data["source"]
    )


async def keep(connection: Connection, *books: CalendarBook) -> None:
    """Store those calendars of these books that are not stored yet."""
    wanted = {calendar.version: calendar for book in books for calendar in book.all()}
    for version in sorted(wanted.keys() - await store.kept_calendars(connection, wanted)):
        calendar = wanted[version]
        layers = [layer_to_data(layer) for layer in calendar.layers]
        await store.keep_calendar(connection, version, {"region": calendar.region, "layers": layers})


async def calendar_of(connection: Connection, clockwork: Clockwork, row: Clock) -> Calendar:
    """Return the calendar a clock is pinned to. It uses no other until it is moved to one.

    A clock older than this table, whose calendar was never stored, uses the one in force.
    """
    current = clockwork.calendars.of(row.region)
    if row.calendar in ("", current.version):
        return current
    if row.calendar not in clockwork.pinned:
        data = await store.calendar(connection, row.calendar)
        if data is None:
            return current
        clockwork.pinned[row.calendar] = Calendar(map(layer_from_data, data["layers"]), data["region"])
    return clockwork.pinned[row.calendar]
