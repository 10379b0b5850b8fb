"""Reads one list of holidays: our YAML, the JSON of holiday-cn, or iCal."""

from __future__ import annotations

import re
from datetime import date, timedelta

from casework.calendar import Layer, Names
from services.kit.rules.document import Document, read_document
from services.kit.rules.models import CalendarFile, HolidayCnFile
from services.kit.rules.problem import Problem

FORMS = (".yaml", ".json", ".ics")

_NAMES = {
    "元旦": "New Year's Day",
    "春节": "Spring Festival",
    "清明": "Tomb-sweeping Day",
    "劳动节": "Labour Day",
    "端午": "Dragon Boat Festival",
    "中秋": "Mid-autumn Festival",
    "国庆": "National Day",
}
_WORK = re.compile(r"班|work", re.IGNORECASE)
_DRESS = re.compile(r"\s*(?:（[休班]）|\([休班]\)|假期|补班|调休|放假|上班|休息日)\s*")
_MOST_DAYS = 62

Found = list[tuple[int, date, Names, bool]]
"""Days with their line, and whether they are off."""


def read_list(file: str, content: bytes, form: str, region: str, name: str, problems: list[Problem]) -> Layer | None:
    """Return the list as a layer, or None with what is wrong added to the problems.

    A regional list publishes no year. A national one publishes the years it names; an iCal file, since it names none,
    those in which it closes the first of January, May and October.
    """
    before = len(problems)
    reader = {".yaml": _own, ".json": _holiday_cn, ".ics": _ical}[form]
    read = reader(file, content, problems)
    if read is None:
        return None
    days, years, source = read
    closed: dict[date, Names] = {}
    opened: dict[date, Names] = {}
    for line, day, names, off in days:
        if day in closed or day in opened:
            problems.append(Problem(file, line, f"{day} comes twice"))
        (closed if off else opened)[day] = names
    if region and form == ".yaml" and years:
        problems.append(Problem(file, 1, "years: the list of an area publishes no year; it lies over the national one"))
    for year in () if region else years:
        open_still = [day for day in _statutory(year) if day not in closed]
        if open_still:
            # Half a list would make dates firm that are not.
            problems.append(Problem(file, 1, f"is no whole list of {year}: {open_still[0]} is not closed"))
    if len(problems) > before:
        return None
    published = frozenset() if region else frozenset(years)
    return Layer(name, region, published, closed, opened, source)


def _statutory(year: int) -> tuple[date, ...]:
    """Return days that every list closes."""
    return date(year, 1, 1), date(year, 5, 1), date(year, 10, 1)


def english(zh: str) -> str:
    """Return the English name of a holiday; the Chinese one where it is none of the statutory ones."""
    found = [en for part, en in _NAMES.items() if part in zh]
    return ", ".join(found) or zh


def _own(file: str, content: bytes, problems: list[Problem]) -> tuple[Found, list[int], str] | None:
    document = read_document(file, content, problems)
    read = document.validate(CalendarFile, problems) if document else None
    if document is None or read is None:
        return None
    days = [
        (document.line(("days", n)), day.date, (day.zh, day.en or english(day.zh)), not day.working)
        for n, day in enumerate(read.days)
    ]
    return days, read.years, read.source


def _holiday_cn(file: str, content: bytes, problems: list[Problem]) -> tuple[Found, list[int], str] | None:
    # JSON is read as YAML, of which it is a part, so that mistakes have a line.
    document: Document | None = read_document(file, content, problems)
    read = document.validate(HolidayCnFile, problems) if document else None
    if document is None or read is None:
        return None
    days = []
    for n, day in enumerate(read.days):
        if abs(day.date.year - read.year) > 1:
            problems.append(document.problem(("days", n, "date"), f"{day.date} lies far from the year {read.year}"))
        days.append((document.line(("days", n)), day.date, (day.name, english(day.name)), day.isOffDay))
    return days, [read.year], read.papers[0] if read.papers else file


def _ical(file: str, content: bytes, problems: list[Problem]) -> tuple[Found, list[int], str] | None:
    try:
        lines = _unfolded(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, content.count(b"\n", 0, error.start) + 1, "is not UTF-8"))
        return None
    if not lines or lines[0][1].strip().upper() != "BEGIN:VCALENDAR":
        problems.append(Problem(file, 1, "is not iCal: it does not begin with BEGIN:VCALENDAR"))
        return None
    days: Found = []
    event: dict[str, tuple[int, str]] | None = None
    for number, line in lines:
        key, _, value = line.partition(":")
        field = key.split(";")[0].upper()
        if line.upper() == "BEGIN:VEVENT":
            event = {"BEGIN": (number, "")}
        elif line.upper() == "END:VEVENT" and event is not None:
            days += _event(file, event, problems)
            event = None
        elif event is not None:
            event.setdefault(field, (number, value.strip()))
    if event is not None:
        problems.append(Problem(file, event["BEGIN"][0], "the event has no END:VEVENT"))
    if not days:
        problems.append(Problem(file, 1, "holds no day"))
    closed = {day for _, day, _, off in days if off}
    years = [year for year in sorted({day.year for day in closed}) if closed.issuperset(_statutory(year))]
    return days, years, file


def _event(file: str, event: dict[str, tuple[int, str]], problems: list[Problem]) -> Found:
    start_line = event["BEGIN"][0]
    for needed in ("DTSTART", "SUMMARY"):
        if needed not in event:
            problems.append(Problem(file, start_line, f"the event has no {needed}"))
            return []
    line, text = event["DTSTART"]
    first = _date(text)
    last_line, last_text = event.get("DTEND", (line, ""))
    end = _date(last_text) if last_text else (first + timedelta(days=1) if first else None)
    if first is None or end is None:
        fault, what = (line, text) if first is None else (last_line, last_text)
        problems.append(Problem(file, fault, f"{what!r} is not a date, YYYYMMDD"))
        return []
    if not 0 < (end - first).days <= _MOST_DAYS:
        problems.append(Problem(file, last_line, f"the event goes from {first} to before {end}"))
        return []
    summary = event["SUMMARY"][1]
    zh = _DRESS.sub("", summary) or summary
    off = not _WORK.search(summary)
    return [(line, first + timedelta(days=n), (zh, english(zh)), off) for n in range((end - first).days)]


def _unfolded(text: str) -> list[tuple[int, str]]:
    """Return the content lines with their numbers; a line that begins with a space goes on from the one before."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + line[1:])
        elif line.strip():
            lines.append((number, line.strip()))
    return lines


def _date(text: str) -> date | None:
    if not re.fullmatch(r"\d{8}(T\d{6}Z?)?", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None
