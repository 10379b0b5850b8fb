"""The administrative tree: which unit is under which, by prefix of the code.

A code has 2 digits for a province, 4 a city, 6 a county, 9 a township and 12 a village; the root is `cn`. A
department of an area is `CODE-slug`, for instance `620102-labour`. A tree holds one name per area and makes `Unit`
objects on demand, and the departments that every area of a level has are a rule, not rows: the nation's counties and
the villages of a province take about 5 MB.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

ROOT = "cn"
SLUG = re.compile(r"[a-z][a-z0-9-]{0,40}")
_CODE = re.compile(r"(?:cn|[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{3}(?:[0-9]{3})?)?)?)?)(?:-[a-z][a-z0-9-]{0,40})?")


class Level(StrEnum):
    """The level of a unit, from the nation down."""

    nation = "nation"
    province = "province"
    city = "city"
    county = "county"
    township = "township"
    village = "village"
    department = "department"


# Digits of a code by level, from the nation (whose prefix is empty) down.
DIGITS = {Level.nation: 0, Level.province: 2, Level.city: 4, Level.county: 6, Level.township: 9, Level.village: 12}
_LEVELS = {digits: level for level, digits in DIGITS.items()}
_ABOVE = {2: 0, 4: 2, 6: 4, 9: 6, 12: 9}


class UnknownUnit(ValueError):
    """No unit of the tree has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"no unit has the code {code!r}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Unit:
    """An area or a department; `parent` is the code of the unit above it, None for the root."""

    code: str
    name: str
    level: Level
    parent: str | None


@dataclass(frozen=True, slots=True)
class Retired:
    """A code no longer in use; `successor` is the unit that has its matters now, empty for none."""

    code: str
    name: str
    successor: str = ""
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Department:
    """A department that every area of some levels has, with its name in Chinese and English.

    `full` is its name on paper, by level, with {place} for the area; `*` for every other level.
    """

    slug: str
    zh: str
    en: str
    levels: frozenset[Level]
    full: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaperName:
    """What a unit is called on paper: its full name, that on its seal, that in an address, its mark in numbers.

    `committee` is the people's mediation committee that it keeps.
    """

    full: str
    seal: str
    addressee: str
    mark: str
    committee: str


@dataclass(frozen=True, slots=True)
class PaperNames:
    """How units are called on paper: patterns with {place}, and what single units are called instead."""

    area: str = "{place}"
    committee: str = "{place}人民调解委员会"
    single: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def prefix(code: str) -> str:
    """Return what every code of the unit's subtree begins with: the code itself, or nothing for the root.

    It holds only digits, lower-case letters and hyphens, so that it can stand in an SQL LIKE pattern unescaped. A
    malformed code, in particular the empty one, raises UnknownUnit: an empty prefix matches the whole nation.
    """
    if not _CODE.fullmatch(code):
        raise UnknownUnit(code)
    return "" if code == ROOT else code


def is_code(code: str) -> bool:
    """Tell whether the code is well-formed, whether or not such a unit exists."""
    return _CODE.fullmatch(code) is not None


@lru_cache(maxsize=65_536)
def level_of(code: str) -> Level:
    """Return the level of a well-formed code, whether or not such a unit exists; else raise UnknownUnit."""
    if not _CODE.fullmatch(code):
        raise UnknownUnit(code)
    if "-" in code:
        return Level.department
    return Level.nation if code == ROOT else _LEVELS[len(code)]


@lru_cache(maxsize=65_536)
def parent_code(code: str) -> str | None:
    """Return the code of the unit one step up, None for the root; a malformed code raises UnknownUnit."""
    level = level_of(code)
    if level is Level.nation:
        return None
    if level is Level.department:
        return code.partition("-")[0]
    return code[: _ABOVE[len(code)]] or ROOT


def _pattern(department: Department, level: Level, area: str) -> str:
    """Return the pattern of a department's full name; a city's district has one of its own where it differs."""
    patterns, kind = department.full, "district" if area.endswith("区") else ""
    if level is Level.county and kind in patterns:
        return patterns[kind]
    return patterns.get(level) or patterns.get("*") or f"{{place}}{department.zh}"


def _stands_alone(unit: Unit) -> bool:
    """Tell whether an area's name says where it is, without the names above it."""
    return unit.level in (Level.nation, Level.province, Level.city) or (
        unit.level is Level.county and not unit.name.endswith("区")
    )


NO_CITIES = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
"""What the list of codes has in place of a city where there is none."""


class UnitTree:
    """The units of the nation, as far as they are known here.

    Built from units in any order; every unit's parent must be among them, except the root's. `departments` are those
    that every area of their levels has; single departments may also come as units.

    A code that was dropped from the list is no longer a unit: nothing new is assigned to it. What it had stays where it
    was, under the nearest remaining unit above, and under the successor if its code was retired with one.
    """

    def __init__(
        self, units: Iterable[Unit], departments: Iterable[Department] = (), retired: Iterable[Retired] = (),
        phones: Mapping[str, str] | None = None, paper: PaperNames | None = None,
    ) -> None:  # fmt: skip
        self._phones = dict(phones or {})
        self._paper = paper or PaperNames()
        self.retired = {each.code: each for each in retired}
        self._names: dict[str, str] = {}
        for unit in units:
            if unit.parent != parent_code(unit.code) or unit.level != level_of(unit.code):
                raise ValueError(f"unit {unit.code}: level or parent do not follow from its code")
            if unit.code in self._names:
                raise ValueError(f"unit {unit.code} is defined twice")
            self._names[unit.code] = unit.name
        self.departments = {department.slug: department for department in departments}
        self._by_level: dict[Level, list[str]] = {level: [] for level in Level}
        for code in sorted(self._names):
            self._by_level[level_of(code)].append(code)
        for code in self._names:
            above = parent_code(code)
            if above is not None and above not in self._names:
                raise ValueError(f"unit {code} is under {above}, which is not in the tree")

    def __contains__(self, code: object) -> bool:
        """Tell whether a unit has this code."""
        return isinstance(code, str) and self._name(code) is not None

    def __len__(self) -> int:
        """Return how many units were given, not counting departments by rule."""
        return len(self._names)

    def get(self, code: str) -> Unit:
        """Return the unit with this code; UnknownUnit if there is none."""
        name = self._name(code)
        if name is None:
            raise UnknownUnit(code)
        return Unit(code, name, level_of(code), parent_code(code))

    def known(self, code: str) -> Unit:
        """Return a unit that something was once assigned to, whether or not it still exists.

        A dropped unit has the name it was retired with, else its code.
        """
        if code in self:
            return self.get(code)
        found = self.retired.get(code)
        return Unit(code, found.name if found else code, level_of(code), self.parent(code))

    def phone(self, code: str) -> str:
        """Return the telephone of a unit, or of the nearest unit above that has one; empty where none is known."""
        return next((self._phones[each] for each in reversed(self.path(code)) if each in self._phones), "")

    def successor(self, code: str) -> str | None:
        """Return the unit that now has the matters of a retired code, None if there is none."""
        seen: set[str] = set()
        while code in self.retired and code not in self and code not in seen:
            seen.add(code)
            code = self.retired[code].successor
        return code if seen and code in self else None

    def place(self, code: str) -> str:
        """Return an area as it is written in full: `兰州市城关区张掖路街道`, `永登县柳树镇`.

        A county or a town of its own is known by its own name, a district by that of its city or province.
        """
        names = [self.known(each) for each in self.path(code.partition("-")[0])]
        names = [each for each in names if each.name not in NO_CITIES]
        first = max((at for at, each in enumerate(names) if _stands_alone(each)), default=0)
        return "".join(dict.fromkeys(each.name for each in names[first:]))

    def paper(self, code: str) -> PaperName:
        """Return what a unit, dropped ones too, is called on paper."""
        place, own = self.place(code), self._paper.single.get(code, {})
        area, _, slug = code.partition("-")
        department = self.departments.get(slug)
        if code == ROOT:
            pattern = "{place}"
        elif not slug:
            pattern = self._paper.area
        elif department is None or code not in self:
            pattern = self.known(code).name
        else:
            pattern = _pattern(department, level_of(area), self.known(area).name)
        city, district = self.place(self.parent(area) or ROOT), self.known(area).name
        full = own.get("full") or pattern.format(place=place, city=city, district=district[:-1])
        return PaperName(
            full=full,
            seal=own.get("seal") or full,
            addressee=own.get("addressee") or full,
            mark=own.get("mark") or self.known(code).name,
            committee=own.get("committee") or self._paper.committee.format(place=place),
        )

    def parent(self, code: str) -> str | None:
        """Return the code of the unit one step up, for a dropped one the nearest remaining; None for the root.

        A malformed code raises UnknownUnit.
        """
        above = parent_code(code)
        while above is not None and above not in self:
            above = parent_code(above)
        return above

    def superior(self, code: str) -> str | None:
        """Return the organ one level up: the same department in the area above if there is one, else the area above.

        None for the root and its departments; for a dropped unit the nearest remaining one above.
        """
        if code not in self:
            return self.parent(code)
        area, _, slug = code.partition("-")
        above = parent_code(area)
        return f"{above}-{slug}" if slug and above and f"{above}-{slug}" in self else above

    def path(self, code: str) -> tuple[str, ...]:
        """Return the codes from the root down to the unit, both included; only remaining units are above it."""
        steps = [code]
        above = self.parent(code)
        while above is not None:
            steps.append(above)
            above = self.parent(above)
        return tuple(reversed(steps))

    def lowest_above(self, one: str, other: str) -> str:
        """Return the lowest area above both units; the root if nothing lower is."""
        shared = [code for code in self.path(one)[:-1] if code in self.path(other)[:-1]]
        return [code for code in shared if level_of(code) is not Level.department][-1]

    def department(self, code: str, slug: str) -> str | None:
        """Return the department of this name of the nearest area at or above a unit; None if no area has it.

        A township has no labour bureau, its county has.
        """
        areas = (each for each in reversed(self.path(code)) if self.known(each).level is not Level.department)
        return next((f"{area}-{slug}" for area in areas if f"{area}-{slug}" in self), None)

    def children(self, code: str) -> tuple[str, ...]:
        """Return the codes one step down: areas in order of code, then departments."""
        unit = self.get(code)
        if unit.level is Level.department:
            return ()
        start = prefix(code)
        levels = list(DIGITS)
        below = levels[levels.index(unit.level) + 1 :]
        areas = self._under(below[0], start) if below else []
        return (*areas, *self.departments_of(code))

    def departments_of(self, area: str) -> list[str]:
        """Return the codes of the departments of an area, in order."""
        level = level_of(area)
        found = {f"{area}-{slug}" for slug, each in self.departments.items() if level in each.levels}
        return sorted(found.union(self._under(Level.department, f"{area}-")))

    def called(self, words: str) -> list[str]:
        """Return the codes of the units given whose name has these words in it."""
        return [code for code, name in self._names.items() if words in name]

    def codes(self, level: Level, under: str = ROOT) -> tuple[str, ...]:
        """Return the codes of a level in the subtree of a unit, in order; for departments, only those given singly."""
        return tuple(self._under(level, prefix(under)))

    def contains(self, ancestor: str, code: str) -> bool:
        """Tell whether `code` is in the ancestor's subtree, the ancestor included; an unknown code is in none."""
        return code in self and code.startswith(prefix(ancestor))

    def _under(self, level: Level, start: str) -> list[str]:
        codes = self._by_level[level]
        # "~" sorts after every character a code can hold.
        return codes[bisect_left(codes, start) : bisect_left(codes, start + "~")]

    def _name(self, code: str) -> str | None:
        name = self._names.get(code)
        if name is not None or "-" not in code:
            return name
        area, _, slug = code.partition("-")
        department = self.departments.get(slug)
        if department is None or area not in self._names or level_of(area) not in department.levels:
            return None
        return f"{self._names[area]}{department.zh}"

    def __iter__(self) -> Iterator[Unit]:
        """Iterate over the units given, in order of code within each level, from the root down."""
        for level in Level:
            for code in self._by_level[level]:
                yield self.get(code)
