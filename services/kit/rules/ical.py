"""Days of an iCalendar file (RFC 5545), read by the library of that name: which local days, and whether they are off.

A day is a make-up workday only where the text says so; an ambiguous text is refused with its line.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from casework.clocks.calendar import LOCAL
from services.kit.rules.problem import Problem

if TYPE_CHECKING:
    from icalendar import Component

_MOST_DAYS = 62
_NEVER = re.compile(
    r"不上班|不用上班|免上班|停班|无需上班|non-?\s?working|no work\b|not? a work(ing)?[ -]?day|work[ -]?free"
)
_WORK = re.compile(
    r"补班|调班|加班|上班|班日|(^|[\s(\[【])班($|[\s)\]】])|work(ing)?[ -]?day|\(work\)|make-?up work"
    r"|work(ing)? (saturday|sunday|weekend)"
)
_OFF = re.compile(r"放假|补休|休息|休假|轮休|(^|[\s(\[【])休($|[\s)\]】])|days? off|off day|substitute holiday")
_DOUBTFUL = re.compile(r"班|调休|\bwork(ing|s|ed)?\b|make-?up")
_SPECIAL = {"ALTERNATE-WORKDAY": False, "WORK-HOLIDAY": True}
"""What Apple's calendars add to the text."""
_FIELD = re.compile(r"([A-Za-z-]+)[;:]")


@dataclass(frozen=True, slots=True)
class Entry:
    """Days of one event: the line of their start, its summary, and whether they are off."""

    line: int
    days: tuple[date, ...]
    summary: str
    off: bool


class _Fault(ValueError):
    """What is wrong with an event, and the field whose line is reported."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def entries(file: str, content: bytes, problems: list[Problem]) -> list[Entry] | None:
    """Return the events of a file, or None with what is wrong added to the problems."""
    # Imported late: few commands read such a file.
    from icalendar import Calendar

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(Problem(file, content.count(b"\n", 0, error.start) + 1, "is not UTF-8"))
        return None
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        problems.append(Problem(file, 1, "is not iCal: it does not begin with BEGIN:VCALENDAR"))
        return None
    lines = _lines(text)
    try:
        # Some programs write several calendars into one file.
        events = [event for calendar in Calendar.from_ical(text, multiple=True) for event in calendar.walk("VEVENT")]
    except Exception as error:  # the library raises many kinds of errors; each says what is wrong with the file
        problems.append(Problem(file, 1, f"is not iCal: {' '.join(str(error).split())[:200]}"))
        return None
    if len(events) != len(lines):
        problems.append(Problem(file, lines[-1]["BEGIN"] if lines else 1, "the event has no END:VEVENT"))
        return None
    found: list[Entry] = []
    for event, fields in zip(events, lines, strict=True):
        try:
            if str(event.get("STATUS", "")).upper() != "CANCELLED":
                found.append(_entry(event, fields["DTSTART"] if "DTSTART" in fields else fields["BEGIN"]))
        except _Fault as fault:
            problems.append(Problem(file, fields.get(fault.field, fields["BEGIN"]), str(fault)))
    if not found:
        problems.append(Problem(file, 1, "contains no day"))
    return found


def _lines(text: str) -> list[dict[str, int]]:
    """Return for each event the lines of its fields; the library does not keep them."""
    found: list[dict[str, int]] = []
    inside = 0
    for number, line in enumerate(text.splitlines(), 1):
        upper = line.strip().upper()
        if upper == "BEGIN:VEVENT":
            found.append({"BEGIN": number})
            inside = 1
        elif upper == "END:VEVENT":
            inside = 0
        elif inside and upper.startswith(("BEGIN:", "END:")):
            inside += 1 if upper.startswith("BEGIN:") else -1
        elif inside == 1 and (match := _FIELD.match(line)):
            found[-1].setdefault(match[1].upper(), number)
    return found


def _entry(event: Component, line: int) -> Entry:
    for name, message in event.errors:
        raise _Fault(name or "BEGIN", f"{name} cannot be read: {' '.join(str(message).split())[:200]}")
    for field in ("DTSTART", "SUMMARY"):
        if not str(event.get(field, "")).strip():
            raise _Fault("BEGIN", f"the event has no {field}")
    for field in ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"):
        if field in event:
            raise _Fault(field, "the event repeats; write each of its days as an event")
    summary = _only(event, "SUMMARY")
    first, last = _day(event, "DTSTART"), _end(event)
    if not 0 < (last - first).days <= _MOST_DAYS:
        raise _Fault("DTEND" if "DTEND" in event else "DTSTART", f"the event goes from {first} to before {last}")
    days = tuple(first + timedelta(days=n) for n in range((last - first).days))
    return Entry(line, days, str(summary).strip(), _is_off(event, str(summary)))


def _only(event: Component, field: str) -> object:
    value = event[field]
    if isinstance(value, list):
        raise _Fault(field, f"the event has {field} more than once")
    return value


def _instant(event: Component, field: str) -> date | datetime:
    value = getattr(_only(event, field), "dt", None)
    if not isinstance(value, date):
        raise _Fault(field, f"{str(event[field])[:40]!r} is not a date, YYYYMMDD")
    return value


def _local(value: datetime, field: str) -> date:
    """Return the local day that begins at an instant; any other instant is refused."""
    local = value if value.tzinfo is None else value.astimezone(LOCAL)
    if local.time() != time():
        raise _Fault(field, f"{local:%Y-%m-%d %H:%M} in {LOCAL.key} is not the start of a day; give whole days")
    return local.date()


def _day(event: Component, field: str) -> date:
    value = _instant(event, field)
    try:
        return _local(value, field) if isinstance(value, datetime) else value
    except OverflowError:
        raise _Fault(field, f"{value} is outside the calendar") from None


def _end(event: Component) -> date:
    """Return the day before which the event ends."""
    start = _instant(event, "DTSTART")
    if "DTEND" in event:
        if isinstance(_instant(event, "DTEND"), datetime) is not isinstance(start, datetime):
            raise _Fault("DTEND", "DTSTART and DTEND must both be dates or both be times")
        return _day(event, "DTEND")
    if "DURATION" in event:
        lasts = getattr(_only(event, "DURATION"), "dt", None)
        if not isinstance(lasts, timedelta) or lasts % timedelta(days=1):
            raise _Fault("DURATION", "the event does not last whole days")
        return _day(event, "DTSTART") + lasts
    return _day(event, "DTSTART") + timedelta(days=1)


def _is_off(event: Component, summary: str) -> bool:
    special = str(event.get("X-APPLE-SPECIAL-DAY", "")).upper()
    if special in _SPECIAL:
        return _SPECIAL[special]
    text = unicodedata.normalize("NFKC", summary).lower().strip()
    rest = _NEVER.sub(" ", text)
    works, off = _WORK.search(rest) is not None, rest != text or _OFF.search(rest) is not None
    if works and off:
        raise _Fault("SUMMARY", f"{summary!r} says both that the day is off and that it is worked")
    if not works and not off and _DOUBTFUL.search(rest):
        raise _Fault(
            "SUMMARY", f"{summary!r} does not say whether the day is off or worked; write 休 or 班, day off or workday"
        )
    return not works
