"""Reads one list of holidays: our YAML, the JSON of holiday-cn, or iCal."""

from __future__ import annotations

import re
from datetime import date

from casework.clocks.calendar import Layer, Names
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
_DRESS = re.compile(r"\s*(?:（[休班]）|\([休班]\)|假期|补班|调休|放假|上班|休息日)\s*")

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
            problems.append(Problem(file, line, f"{day} is listed twice"))
        (closed if off else opened)[day] = names
    if region and form == ".yaml" and years:
        problems.append(
            Problem(file, 1, "years: the list of an area publishes no year; it only modifies the national one")
        )
    for year in () if region else years:
        open_still = [day for day in _statutory(year) if day not in closed]
        if open_still:
            # An incomplete list would make provisional dates look final.
            problems.append(Problem(file, 1, f"is not a complete list of {year}: {open_still[0]} is not closed"))
    if len(problems) > before:
        return None
    published = frozenset() if region else frozenset(years)
    return Layer(name, region, published, closed, opened, source)


def _statutory(year: int) -> tuple[date, ...]:
    """Return the days that every list closes."""
    return date(year, 1, 1), date(year, 5, 1), date(year, 10, 1)


def english(zh: str) -> str:
    """Return the English name of a holiday; the Chinese one if it is not a statutory one."""
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
    # JSON is read as YAML, which includes it, so that mistakes have a line number.
    document: Document | None = read_document(file, content, problems)
    read = document.validate(HolidayCnFile, problems) if document else None
    if document is None or read is None:
        return None
    days = []
    for n, day in enumerate(read.days):
        if abs(day.date.year - read.year) > 1:
            problems.append(document.problem(("days", n, "date"), f"{day.date} is far from the year {read.year}"))
        days.append((document.line(("days", n)), day.date, (day.name, english(day.name)), day.isOffDay))
    return days, [read.year], read.papers[0] if read.papers else file


def _ical(file: str, content: bytes, problems: list[Problem]) -> tuple[Found, list[int], str] | None:
    from services.kit.rules import ical  # its library is heavy, and most folders hold no such file

    entries = ical.entries(file, content, problems)
    if entries is None:
        return None
    days: Found = []
    for each in entries:
        zh = _DRESS.sub("", each.summary) or each.summary
        days += [(each.line, day, (zh, english(zh)), each.off) for day in each.days]
    closed = {day for _, day, _, off in days if off}
    years = [year for year in sorted({day.year for day in closed}) if closed.issuperset(_statutory(year))]
    return days, years, file
