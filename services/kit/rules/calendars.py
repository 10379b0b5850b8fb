"""Reads rules/calendars: the years of a package, overridden by national or regional lists in YAML, JSON or iCal."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from casework.clocks.calendar import CalendarBook, Layer
from services.kit.rules.calendar_lists import FORMS, read_list
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import CalendarSources, PackageEntry

SOURCES = "calendars/sources.yaml"
_AREA = re.compile(r"[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{3}(?:[0-9]{3})?)?)?)?")


def read_calendars(folder: RulesFolder) -> CalendarBook | None:
    """Return the calendars of all sources, or None with problems."""
    before = len(folder.problems)
    layers: list[Layer] = []
    document = folder.document(SOURCES)
    sources = document.validate(CalendarSources, folder.problems) if document else None
    for number, entry in enumerate(sources.packages if sources else ()):
        layer = _package(entry)
        if isinstance(layer, Layer):
            layers.append(layer)
        elif document is not None:
            folder.problems.append(document.problem(("packages", number), layer))
    for path in folder.files("calendars"):
        if path != SOURCES and not path.endswith(".md"):
            layers += _file(path, folder)
    return CalendarBook(layers) if len(folder.problems) == before else None


def _file(path: str, folder: RulesFolder) -> list[Layer]:
    name = PurePosixPath(path).relative_to("calendars")
    region = "" if len(name.parts) == 1 else name.parts[0]
    content = folder.content(path)
    if content is None:
        return []
    if len(name.parts) > 2 or (region and not _AREA.fullmatch(region)):
        folder.problem(path, 1, f"is in {name.parent}, which is not the code of an area")
    elif name.suffix not in FORMS:
        folder.problem(path, 1, f"is not one of {', '.join(FORMS)}")
    else:
        layer = read_list(folder.label(path), content, name.suffix, region, name.as_posix(), folder.problems)
        return [layer] if layer else []
    return []


def _package(entry: PackageEntry) -> Layer | str:
    """Return the layer of a package's years, or what is wrong."""
    from chinese_calendar.constants import Holiday, holidays, workdays

    has = {day.year for day in holidays}
    wanted = range(entry.from_year, entry.to_year + 1)
    missing = [year for year in wanted if year not in has]
    if not wanted:
        return "to_year is before from_year"
    if missing:
        return f"the installed chinesecalendar has no list for {missing[0]}; it has {min(has)} to {max(has)}"
    names = {holiday.value: (holiday.chinese, holiday.value) for holiday in Holiday}
    return Layer(
        name=entry.package,
        years=frozenset(wanted),
        closed={day: names[name] for day, name in holidays.items() if day.year in wanted},
        open={day: names[name] for day, name in workdays.items() if day.year in wanted},
        source=f"{entry.package} {entry.from_year}-{entry.to_year}",
    )
