"""Entries of a calendar as an iCalendar file (RFC 5545): the same entries give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

from icalendar import Calendar, Event, Timezone
from pb.access.v1.calendar_pb2 import CalendarEntry

from casework.clocks.calendar import LOCAL
from services.kit.instants import instant

_ZONE = "Asia/Shanghai"
_FROM, _UNTIL = date(2020, 1, 1), date(2100, 1, 1)
_AGAIN = timedelta(hours=1)
"""How often a client should read it."""
_NAMES = {"zh": "和议：期限与预约", "en": "Accord: deadlines and appointments"}


def written(entries: Iterable[CalendarEntry], language: str) -> bytes:
    """Return the file; times are those of China, with the zone's definition."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", f"-//Accord//Calendar//{language.upper()}")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", _NAMES[language])
    calendar.add("refresh-interval", _AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add_component(_zone())
    for entry in sorted(entries, key=lambda each: each.uid):
        calendar.add_component(_event(entry))
    return calendar.to_ical()


@cache
def _zone() -> Timezone:
    """Return the definition of the zone; it takes longer than all the rest."""
    zone = Timezone.from_tzid(_ZONE, first_date=_FROM, last_date=_UNTIL)
    zone.pop("comment", None)
    return zone


def _event(entry: CalendarEntry) -> Event:
    event, changed = Event(), instant(entry.update_time)
    event.add("uid", f"{entry.uid}@accord")
    event.add("sequence", entry.revision)
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("summary", f"{entry.title} {entry.case.rpartition('/')[2]}")
    event.add("description", entry.case)
    event.add("dtstart", instant(entry.start_time).astimezone(LOCAL))
    if entry.HasField("end_time"):
        event.add("dtend", instant(entry.end_time).astimezone(LOCAL))
    else:
        # A deadline takes no time.
        event.add("transp", "TRANSPARENT")
    if entry.room_display_name:
        event.add("location", entry.room_display_name)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    return event
