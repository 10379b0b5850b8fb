"""Calendars that clocks are pinned to: kept whole, so that a date can be derived anew whatever holds by now."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.clocks.calendar import Calendar, CalendarBook, Layer
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import Clock, ClockCalendar
from services.kit.storage.database import Connection

_KEPT = select(ClockCalendar.version).where(ClockCalendar.version == any_(bindparam("versions", type_=ARRAY(Text))))
_KEEP = (
    insert(ClockCalendar)
    .values(version=bindparam("version"), content=bindparam("content"))
    .on_conflict_do_nothing(index_elements=[ClockCalendar.version])
)
_GET = select(ClockCalendar.content).where(ClockCalendar.version == bindparam("version"))


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
    kept = {version for (version,) in await connection.execute(_KEPT, {"versions": list(wanted)})}
    for version in sorted(wanted.keys() - kept):
        calendar = wanted[version]
        layers = [layer_to_data(layer) for layer in calendar.layers]
        content = {"region": calendar.region, "layers": layers}
        await connection.execute(_KEEP, {"version": version, "content": content})


async def calendar_of(connection: Connection, clockwork: Clockwork, row: Clock) -> Calendar:
    """Return the calendar a clock is pinned to: it counts by no other until it is moved to one.

    A clock that is older than this has the calendar in force where its own was never stored.
    """
    current = clockwork.calendars.of(row.region)
    if row.calendar in ("", current.version):
        return current
    if row.calendar not in clockwork.pinned:
        data = await connection.scalar(_GET, {"version": row.calendar})
        if data is None:
            return current
        clockwork.pinned[row.calendar] = Calendar(map(layer_from_data, data["layers"]), data["region"])
    return clockwork.pinned[row.calendar]
