"""Calendars that clocks are pinned to: kept whole, so that a date can be derived anew whatever holds by now."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson

from casework.clocks.calendar import Calendar, CalendarBook, Layer
from services.kit.clocks.clockwork import Clockwork
from services.kit.storage.database import Connection, text

_KEPT = text("SELECT version FROM clock_calendars WHERE version = ANY(CAST(:versions AS text[]))")
_KEEP = text("""
    INSERT INTO clock_calendars (version, content) VALUES (:version, CAST(:content AS jsonb))
    ON CONFLICT (version) DO NOTHING
""")
_GET = text("SELECT content FROM clock_calendars WHERE version = :version")


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
    """Store the calendars of these books that are not stored yet."""
    wanted = {calendar.version: calendar for book in books for calendar in book.all()}
    kept = {row.version for row in await connection.execute(_KEPT, {"versions": list(wanted)})}
    for version in sorted(wanted.keys() - kept):
        calendar = wanted[version]
        layers = [layer_to_data(layer) for layer in calendar.layers]
        content = orjson.dumps({"region": calendar.region, "layers": layers}).decode()
        await connection.execute(_KEEP, {"version": version, "content": content})


async def calendar_of(connection: Connection, clockwork: Clockwork, row: Any) -> Calendar:
    """Return the calendar a clock is pinned to: it counts by no other until it is moved to one.

    A clock that is older than this has the calendar in force where its own was never stored.
    """
    current = clockwork.calendars.of(row.region)
    if row.calendar in ("", current.version):
        return current
    if row.calendar not in clockwork.pinned:
        content = await connection.scalar(_GET, {"version": row.calendar})
        if content is None:
            return current
        data = orjson.loads(content)
        clockwork.pinned[row.calendar] = Calendar(map(layer_from_data, data["layers"]), data["region"])
    return clockwork.pinned[row.calendar]
