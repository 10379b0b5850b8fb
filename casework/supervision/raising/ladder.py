"""Ladders: where a neglected matter goes, level by level, and inside a unit office by office.

A ladder is a versioned rule for some kinds of matters, grades and places. An escalation stores the whole content of the
ladder it began with, so that a later edit of the rule files changes nothing in progress.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from casework.door.category import lineage
from casework.door.complaint import lies_within
from casework.door.triage import Grade
from casework.units import DIGITS, ROOT, Level, UnitTree, level_of

ANY = "*"
DEPARTMENT = "department:"
REACHED = (Level.township, Level.county, Level.city, Level.province)
"""The levels something can be escalated to; a ladder has a step for each."""


class Mode(StrEnum):
    """The effect of reaching a level: it is informed, or it becomes accountable."""

    inform = "inform"
    transfer = "transfer"


class NoLadder(ValueError):
    """No ladder fits. Rules that load have one for every matter, place and day."""


@dataclass(frozen=True, slots=True)
class Step:
    """The rules for a matter that arrives at a level.

    `acknowledge` and `resolve` name the time limits for acknowledging and resolving it; `tell` are levels
    (`province`) and departments (`department:petition`) that are notified as well.
    """

    level: Level
    acknowledge: str
    resolve: str
    mode: Mode = Mode.inform
    tell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Office:
    """An office in the line inside units of some levels: the matter comes to it before it leaves the unit."""

    key: str
    zh: str
    en: str
    levels: frozenset[Level]
    limit: str


@dataclass(frozen=True, slots=True)
class Place:
    """A matter's position on a ladder: at a unit, or at an office in the line inside it."""

    unit: str
    office: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """One complete ladder. The offices are in the order in which a matter comes to them."""

    name: str
    version: str
    zh: str
    en: str
    categories: tuple[str, ...]
    grades: frozenset[Grade]
    steps: tuple[Step, ...]
    basis: str
    offices: tuple[Office, ...] = ()
    jurisdiction: str = ROOT
    valid_from: date | None = None
    valid_to: date | None = None
    to_be_confirmed: bool = False

    def step(self, unit: str) -> Step:
        """Return the step for a matter that arrives at a unit; a department uses that of its area."""
        level = level_of(unit.partition("-")[0])
        return next(step for step in self.steps if step.level is level)

    def office(self, key: str) -> Office | None:
        """Return the office with a key, None if the ladder has none."""
        return next((office for office in self.offices if office.key == key), None)

    def line(self, unit: str) -> tuple[Office, ...]:
        """Return the offices inside a unit, in the order in which a matter comes to them."""
        level = level_of(unit)
        return tuple(office for office in self.offices if level in office.levels)

    def after(self, place: Place, units: UnitTree) -> Place | None:
        """Return where a matter neglected at a place goes: the next office or the unit above; None at the top."""
        keys = [office.key for office in self.line(place.unit)]
        passed = keys.index(place.office) + 1 if place.office in keys else 0
        if passed < len(keys):
            return Place(place.unit, keys[passed])
        above = units.parent(place.unit)
        return None if above is None or above == ROOT else Place(above)

    def limits(self) -> set[str]:
        """Return the names of all its time limits."""
        return {name for step in self.steps for name in (step.acknowledge, step.resolve)} | {
            office.limit for office in self.offices
        }

    def valid_on(self, day: date) -> bool:
        """Tell whether it is in force on the day; both bounds are included."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)

    def lies_over(self, unit: str) -> bool:
        """Tell whether a unit is in its jurisdiction."""
        return self.jurisdiction == ROOT or unit.startswith(self.jurisdiction)

    def fits(self, category: str, grade: Grade | None) -> bool:
        """Tell whether it is for matters of this category and grade; if one is unknown, only if it is for all."""
        kinds = set(lineage(category)) if category else set()
        graded = grade in self.grades if grade else len(self.grades) == len(Grade)
        return graded and not {ANY, *kinds}.isdisjoint(self.categories)

    def rank(self, category: str) -> tuple[int, int, int, date]:
        """Return how closely it fits: narrowest place first, then nearest category, fewer grades, the later one."""
        narrow = 0 if self.jurisdiction == ROOT else len(self.jurisdiction)
        depth = max((each.count("/") + 1 for each in lineage(category) if each in self.categories), default=0)
        return narrow, depth if category else 0, -len(self.grades), self.valid_from or date.min


class LadderBook:
    """All ladders."""

    def __init__(self, ladders: Iterable[Ladder]) -> None:
        self._ladders = tuple(ladders)

    def __iter__(self) -> Iterator[Ladder]:
        """Iterate over the ladders in the order of their files."""
        return iter(self._ladders)

    def __len__(self) -> int:
        """Return how many ladders there are."""
        return len(self._ladders)

    def choose(self, category: str, grade: str, unit: str, day: date) -> Ladder:
        """Return the ladder for a matter neglected by a unit on a day; category or grade is empty if unknown."""
        graded = Grade(grade) if grade else None
        found = [each for each in self if each.lies_over(unit) and each.valid_on(day) and each.fits(category, graded)]
        if not found:
            raise NoLadder(f"no ladder fits category {category!r}, grade {grade!r} in {unit}")
        return max(found, key=lambda each: each.rank(category))


def told_units(step: Step, place: Place, origin: str, about: str, units: UnitTree) -> tuple[str, ...]:
    """Return the units notified when a matter arrives: those the step names, if they exist.

    No unit is notified twice; the unit complained of and units that have or had it are not notified.
    """
    area = place.unit.partition("-")[0]
    found: list[str] = []
    for named in step.tell:
        if named.startswith(DEPARTMENT):
            unit = f"{area}-{named.removeprefix(DEPARTMENT)}"
        else:
            unit = area[: DIGITS[Level(named)]]
        known = unit in units and unit not in (place.unit, origin) and not lies_within(about, unit)
        if known and unit not in found:
            found.append(unit)
    return tuple(found)


def to_data(ladder: Ladder) -> dict[str, Any]:
    """Return the whole content of a ladder as plain data, as an escalation stores it."""
    return {
        "name": ladder.name,
        "version": ladder.version,
        "zh": ladder.zh,
        "en": ladder.en,
        "categories": list(ladder.categories),
        "grades": sorted(ladder.grades),
        "steps": [
            {"level": str(step.level), "acknowledge": step.acknowledge, "resolve": step.resolve,
             "mode": str(step.mode), "tell": list(step.tell)}
            for step in ladder.steps
        ],
        "offices": [
            {"key": each.key, "zh": each.zh, "en": each.en, "levels": sorted(each.levels), "limit": each.limit}
            for each in ladder.offices
        ],
        "basis": ladder.basis,
        "jurisdiction": ladder.jurisdiction,
        "valid_from": ladder.valid_from.isoformat() if ladder.valid_from else None,
        "valid_to": ladder.valid_to.isoformat() if ladder.valid_to else None,
        "to_be_confirmed": ladder.to_be_confirmed,
    }  # fmt: skip


def from_data(data: dict[str, Any]) -> Ladder:
    """Return the ladder that `to_data` gave."""

    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    plain = {key: data[key] for key in ("name", "version", "zh", "en", "basis", "jurisdiction", "to_be_confirmed")}
    return Ladder(
        **plain,
        categories=tuple(data["categories"]),
        grades=frozenset(map(Grade, data["grades"])),
        steps=tuple(
            Step(Level(each["level"]), each["acknowledge"], each["resolve"], Mode(each["mode"]), tuple(each["tell"]))
            for each in data["steps"]
        ),
        offices=tuple(
            Office(each["key"], each["zh"], each["en"], frozenset(map(Level, each["levels"])), each["limit"])
            for each in data["offices"]
        ),
        valid_from=day(data["valid_from"]),
        valid_to=day(data["valid_to"]),
    )
