"""Which units could take a matter, why, and what speaks against each (回避). It decides nothing: a person chooses.

属地管理、分级负责，谁主管、谁负责 (信访工作条例 art. 5): first the area of a matter, at the level at which matters of
its grade begin, then whoever answers for its kind. Nobody handles a complaint about themselves (art. 30).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from casework.door.complaint import lies_within
from casework.units import Level, UnitTree, level_of


class Fit(IntEnum):
    """Why a unit is suggested; the numbers match the contract."""

    HAS_IT = 1
    PLACE = 2
    LEVEL = 3
    CATEGORY = 4
    PLAN = 5


class Bar(IntEnum):
    """What speaks against a unit; the numbers match the contract."""

    COMPLAINED_OF = 1
    PARTY = 2
    REPORTER = 3
    SAME_NAME = 4
    SENT_BACK = 5


class Role(IntEnum):
    """What a unit is suggested for; the numbers match the contract."""

    LEAD = 1
    CO_UNIT = 2


EXCLUDES = frozenset({Bar.COMPLAINED_OF, Bar.PARTY, Bar.REPORTER})
"""What excludes a unit; of anything else whoever chooses is told."""
_WEIGHTS = {Fit.HAS_IT: 1, Fit.PLACE: 2, Fit.LEVEL: 2, Fit.CATEGORY: 2, Fit.PLAN: 1}
_LEVELS = {"high": Level.county}
"""The level at which matters of a grade begin; others begin in the township."""
_AREAS = (Level.township, Level.county)


@dataclass(frozen=True, slots=True)
class Matter:
    """What is known of a matter before it is dispatched; no personal data."""

    unit: str
    area: str
    about: str
    grade: str
    department: str | None
    """Slug of the department that co-handles its category."""
    planned: Collection[str] = ()
    """Units to which its plan gives a task, besides the accountable one."""
    sent_back: Collection[str] = ()
    """Units that sent it back when it was forwarded to them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that could take a matter."""

    unit: str
    role: Role
    fits: tuple[Fit, ...]
    bars: tuple[Bar, ...] = ()

    @property
    def excluded(self) -> bool:
        """Return whether a conflict of interest excludes it."""
        return not EXCLUDES.isdisjoint(self.bars)

    @property
    def weight(self) -> int:
        """Return how well it fits."""
        return sum(_WEIGHTS[fit] for fit in self.fits)


def candidates(matter: Matter, units: UnitTree) -> list[Candidate]:
    """Return the units that could take a matter, best fit first, excluded ones last."""
    fits: dict[str, set[Fit]] = {matter.unit: {Fit.HAS_IT}}
    place = matter.area or matter.unit.partition("-")[0]
    around = [code for code in units.path(place) if level_of(code) in _AREAS] if place in units else []
    for code in around if matter.area else ():
        fits.setdefault(code, set()).add(Fit.PLACE)
    if around:
        wanted = _LEVELS.get(matter.grade, Level.township)
        begins = next((code for code in around if level_of(code) is wanted), around[-1])
        fits.setdefault(begins, set()).add(Fit.LEVEL)
    leads = set(fits)
    department = units.department(place, matter.department) if matter.department and place in units else None
    for code in (department,) if department else ():
        fits.setdefault(code, set()).add(Fit.CATEGORY)
    for code in matter.planned:
        fits.setdefault(code, set()).add(Fit.PLAN)
    found = [
        Candidate(
            code, Role.LEAD if code in leads else Role.CO_UNIT, tuple(sorted(why)), tuple(sorted(_bars(matter, code)))
        )
        for code, why in fits.items() if code in units
    ]  # fmt: skip
    return ordered(found)


def barred(found: Iterable[Candidate], bars: Mapping[str, Collection[Bar]]) -> list[Candidate]:
    """Return candidates with what else speaks against each, by unit, in their order then."""
    return ordered(replace(each, bars=tuple(sorted({*each.bars, *bars.get(each.unit, ())}))) for each in found)


def _bars(matter: Matter, unit: str) -> set[Bar]:
    found = {Bar.COMPLAINED_OF} if lies_within(matter.about, unit) else set[Bar]()
    return found | ({Bar.SENT_BACK} if unit in matter.sent_back else set())


def ordered(found: Iterable[Candidate], load: Mapping[str, tuple[int, int]] | None = None) -> list[Candidate]:
    """Return candidates in order: what excludes, the role, the fit; of equals whoever has less overdue and less open.

    `load` is what each unit has overdue and open; one that is not known comes after those that are.
    """
    known = load or {}

    def place(each: Candidate) -> tuple[bool, int, int, bool, tuple[int, int], str]:
        busy = known.get(each.unit)
        return each.excluded, each.role, -each.weight, busy is None, busy or (0, 0), each.unit

    return sorted(found, key=place)


def differs(found: Sequence[Candidate], chosen: str) -> bool:
    """Return whether a choice differs from the suggestion: another unit fits better, or this one is excluded."""
    free = [each for each in found if each.role is Role.LEAD and not each.excluded]
    best = max((each.weight for each in free), default=0)
    return bool(free) and chosen not in {each.unit for each in free if each.weight == best}


def bears(name: str, called: Iterable[str]) -> bool:
    """Return whether a name is one of these, whatever is between their signs."""
    said = "".join(name.split()).casefold()
    return bool(said) and any(said == "".join(each.split()).casefold() for each in called)


FITS = {
    Fit.HAS_IT: ("报告现在在该单位", "It has the report now."),
    Fit.PLACE: ("事情发生在其辖区：{place}", "The matter is in its area: {place}."),
    Fit.LEVEL: ("按等级（{grade}），此类事项从这一级办起", "Matters of this grade ({grade}) begin at this level."),
    Fit.CATEGORY: ("“{category}”类事项由其配合办理", "It helps with matters of the category {category}."),
    Fit.PLAN: ("办理方案“{plan}”有它的任务", "The plan {plan} gives it a task."),
}
"""Why a unit is suggested, in Chinese and English."""
BARS = {
    Bar.COMPLAINED_OF: (
        "被投诉的就是该单位或者其上级：应当回避",
        "The complaint is about it, or about a unit above it.",
    ),
    Bar.PARTY: ("该单位是当事人：应当回避", "It is a party."),
    Bar.REPORTER: ("报告人是该单位的人员：应当回避", "Somebody of this unit reported the matter."),
    Bar.SAME_NAME: (
        "该单位有人与报告中的人同名：请核实是否为本人或者近亲属",
        "Somebody there has the name of a person in the report: check whether it is they, or a relative.",
    ),
    Bar.SENT_BACK: ("该单位曾退回此件", "It sent this report back before."),
}
"""What speaks against a unit, in Chinese and English."""
GRADES = {"low": ("低", "low"), "medium": ("中", "medium"), "high": ("高", "high")}
