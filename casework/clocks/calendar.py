"""Which days are working days: national lists of holidays and make-up days, with regional days on top.

A list closes weekdays (holidays, days swapped) and opens weekend days (make-up workdays, 调休). Statutory days come
from 全国年节及纪念日放假办法 (2024); the festivals of minorities are set by the local government of the area (art. 4),
hence regional layers. A year without a published list falls back to weekends and fixed-date holidays, and
everything computed from it is provisional.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
"""Where days begin and end."""

ALARM_MONTH = 11
"""The State Council announces next year's swaps around November."""

Names = tuple[str, str]
"""A name in Chinese and in English."""

WEEKEND = (("星期六", "Saturday"), ("星期日", "Sunday"))
FALLBACK = "fallback"

# 放假办法 art. 2 as of 2025: only those whose date is known without the lunar calendar or an almanac.
_FIXED: dict[tuple[int, int], Names] = {
    (1, 1): ("元旦", "New Year's Day"),
    (5, 1): ("劳动节", "Labour Day"),
    (5, 2): ("劳动节", "Labour Day"),
    (10, 1): ("国庆节", "National Day"),
    (10, 2): ("国庆节", "National Day"),
    (10, 3): ("国庆节", "National Day"),
}


class DayKind(StrEnum):
    """The kind of a day."""

    workday = "workday"
    weekend = "weekend"
    holiday = "holiday"
    makeup = "makeup"


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a calendar, the name it has as a day off or a make-up day, and the layer that says so."""

    date: date
    working: bool
    kind: DayKind
    name: str
    name_en: str
    layer: str
    provisional: bool


@dataclass(frozen=True)
class Layer:
    """Days that one list closes or opens, in the nation (`region` empty) or in the area with this code.

    `years` are those for which it is the whole published list; it then replaces earlier lists of these years. Days
    outside them still count: a notice for one year may open a Saturday of the year before.
    """

    name: str
    region: str = ""
    years: frozenset[int] = frozenset()
    closed: Mapping[date, Names] = field(default_factory=dict)
    open: Mapping[date, Names] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse a layer that contradicts itself about a day, or publishes a year for a region."""
        both = self.closed.keys() & self.open.keys()
        if both:
            raise ValueError(f"layer {self.name}: {min(both)} is both closed and open")
        if self.region and self.years:
            raise ValueError(f"layer {self.name}: a regional layer lies over the national list and publishes no year")

    def digest(self) -> str:
        """Return a hash of the layer's content, without its description."""
        lines = [self.region, *map(str, sorted(self.years))]
        lines += [f"-{day}{'/'.join(names)}" for day, names in sorted(self.closed.items())]
        lines += [f"+{day}{'/'.join(names)}" for day, names in sorted(self.open.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Calendar:
    """The days as they are in one place: layers in order, the later ones over the earlier ones.

    Working days are kept as one growing list of day numbers, so that counting is a search in it.
    """

    def __init__(self, layers: Iterable[Layer], region: str = "") -> None:
        self.layers = tuple(layers)
        self.region = region
        self.years = frozenset().union(*(layer.years for layer in self.layers))
        self.version = hashlib.sha256("".join(layer.digest() for layer in self.layers).encode()).hexdigest()[:12]
        self._said: dict[int, dict[date, tuple[bool, Names, Layer]]] = {}
        self._working: list[int] = []
        self._first = self._after = date(2004, 1, 1)

    def published(self, year: int) -> bool:
        """Tell whether the year has a published list."""
        return year in self.years

    def provisional(self, first: date, last: date) -> bool:
        """Tell whether a day from the first to the last lies in a year without a published list."""
        if first.year == last.year:
            return first.year not in self.years
        return any(year not in self.years for year in range(first.year, last.year + 1))

    def is_working(self, day: date) -> bool:
        """Tell whether the day is a working day."""
        said = self._of_year(day.year).get(day)
        return day.weekday() < 5 if said is None else said[0]

    def day(self, day: date) -> Day:
        """Return the day with its kind, its name, and the layer that decides."""
        provisional = day.year not in self.years
        said = self._of_year(day.year).get(day)
        weekend = day.weekday() >= 5
        if said is not None:
            working, (zh, en), layer = said
            kind = (DayKind.makeup if weekend else DayKind.workday) if working else DayKind.holiday
            return Day(day, working, kind, zh, en, layer.name, provisional)
        layer_name = FALLBACK if provisional else ""
        if weekend:
            zh, en = WEEKEND[day.weekday() - 5]
            return Day(day, False, DayKind.weekend, zh, en, layer_name, provisional)
        return Day(day, True, DayKind.workday, "", "", layer_name, provisional)

    def days_of(self, year: int) -> tuple[Day, ...]:
        """Return the days of the year whose kind does not follow from the weekday, in order."""
        return tuple(self.day(day) for day in sorted(self._of_year(year)))

    def working_days(self, year: int) -> int:
        """Return how many working days the year has."""
        return self.count(date(year, 1, 1), date(year, 12, 31)) + self.is_working(date(year, 12, 31))

    def count(self, first: date, end: date) -> int:
        """Return how many working days lie from the first day to the day before the end."""
        if end <= first:
            return 0
        self._cover(first, end)
        return bisect_left(self._working, end.toordinal()) - bisect_left(self._working, first.toordinal())

    def nth_from(self, first: date, n: int) -> date:
        """Return the n-th working day from the first day on, which may itself be number 1; n is at least 1."""
        self._cover(first, first)
        place = bisect_left(self._working, first.toordinal()) + n - 1
        while place >= len(self._working):
            self._append_year()
        return date.fromordinal(self._working[place])

    def nth_after(self, day: date, n: int) -> date:
        """Return the n-th working day after the day; n is at least 1."""
        number = day.toordinal()
        if day < self._first or day >= self._after:
            self._cover(day, day)
        place = bisect_right(self._working, number) + n - 1
        while place >= len(self._working):
            self._append_year()
        return date.fromordinal(self._working[place])

    def nth_before(self, day: date, n: int) -> date:
        """Return the n-th working day backwards, where the day itself may be number 1; n is at least 1."""
        self._cover(day, day)
        place = bisect_right(self._working, day.toordinal()) - n
        while place < 0:
            before = len(self._working)
            self._cover(date(self._first.year - 1, 1, 1), day)
            place += len(self._working) - before
        return date.fromordinal(self._working[place])

    def next_working(self, day: date) -> date:
        """Return the day itself if it is a working day, else the next working day."""
        return self.nth_from(day, 1)

    def _cover(self, first: date, last: date) -> None:
        if first < self._first:
            years = range(first.year, self._first.year)
            self._working[:0] = [number for year in years for number in self._numbers(year)]
            self._first = date(first.year, 1, 1)
        while self._after <= last:
            self._append_year()

    def _append_year(self) -> None:
        year = self._after.year
        self._working += self._numbers(year)
        self._after = date(year + 1, 1, 1)

    def _numbers(self, year: int) -> list[int]:
        said = self._of_year(year)
        first = date(year, 1, 1).toordinal()
        # Day number 1 is a Monday, so that the remainder by seven is the weekday, Monday 1 to Sunday 0.
        working = {number for number in range(first, date(year, 12, 31).toordinal() + 1) if 0 < number % 7 < 6}
        for day, (is_open, _, _) in said.items():
            (working.add if is_open else working.discard)(day.toordinal())
        return sorted(working)

    def _of_year(self, year: int) -> dict[date, tuple[bool, Names, Layer]]:
        found = self._said.get(year)
        if found is None:
            found = self._said[year] = self._read_year(year)
        return found

    def _read_year(self, year: int) -> dict[date, tuple[bool, Names, Layer]]:
        said: dict[date, tuple[bool, Names, Layer]] = {}
        if year not in self.years:
            fixed = Layer(FALLBACK)
            said = {date(year, month, day): (False, names, fixed) for (month, day), names in _FIXED.items()}
        last = max((place for place, layer in enumerate(self.layers) if year in layer.years), default=-1)
        for place, layer in enumerate(self.layers):
            if year in layer.years and place < last:
                continue
            for days, is_open in ((layer.closed, False), (layer.open, True)):
                said.update({day: (is_open, names, layer) for day, names in days.items() if day.year == year})
        return said


class CalendarBook:
    """All layers, and the calendar of every place."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        given = tuple(layers)
        # National layers first, then from the wide areas to the narrow ones; the given order within each.
        self.layers = tuple(sorted(given, key=lambda layer: len(layer.region)))
        self._regions = frozenset(layer.region for layer in given if layer.region)
        self._calendars: dict[frozenset[str], Calendar] = {}
        self._of = lru_cache(maxsize=65_536)(self._find)

    def of(self, code: str = "") -> Calendar:
        """Return the calendar of a unit or an area: the national layers, and those of every area it belongs to."""
        return self._of(code)

    def all(self) -> list[Calendar]:
        """Return every calendar there is: the nation's, and that of each area with days of its own."""
        return [self.of(), *(self.of(region) for region in sorted(self._regions))]

    def with_layer(self, layer: Layer) -> CalendarBook:
        """Return a book with one more layer, replacing one of the same name and region: for a preview."""
        kept = [each for each in self.layers if (each.name, each.region) != (layer.name, layer.region)]
        return CalendarBook([*kept, layer])

    def missing_year(self, today: date) -> int | None:
        """Return the year whose list is missing: this year, or from November on next year; else None."""
        national = self.of("")
        if not national.published(today.year):
            return today.year
        if today.month >= ALARM_MONTH and not national.published(today.year + 1):
            return today.year + 1
        return None

    def _find(self, code: str) -> Calendar:
        area = area_of(code)
        regions = frozenset(region for region in self._regions if area.startswith(region))
        found = self._calendars.get(regions)
        if found is None:
            layers = [layer for layer in self.layers if not layer.region or layer.region in regions]
            found = self._calendars[regions] = Calendar(layers, max(regions, key=len, default=""))
        return found


def area_of(code: str) -> str:
    """Return the digits of the area a unit belongs to, nothing for the nation: `620102-labour` gives `620102`."""
    area = code.partition("-")[0]
    return "" if area == "cn" else area
