"""What is public of reports: which kinds of matter, how exactly the place, and whether a matter is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from casework.case import Outcome
from casework.door.category import Category, CategoryTree, within
from casework.door.progress import PHASE_WORDS, Phase, answer_words
from casework.door.report import ReportState
from casework.units import DIGITS, Level

LONGEST_SPAN = 90
"""Days of reports that may be asked for at once, as Open311 has it."""
_MERGED = ("与同一事项的另一件合并办理", "Handled together with another report of the same matter")
_PHASES = {
    ReportState.RECEIVED: Phase.AT_DOOR,
    ReportState.VERIFIED: Phase.AT_DOOR,
    ReportState.UNFOUNDED: Phase.AT_DOOR,
    ReportState.DISPUTED: Phase.REVIEW,
    ReportState.WITHDRAWN: Phase.WITHDRAWN,
}
OVER = (ReportState.DECLINED, ReportState.MERGED, ReportState.CLOSED, ReportState.WITHDRAWN)
"""States in which a report is over, whatever its case is."""


class Answered(StrEnum):
    """What a program that files gets at once: the number, or the receipt, with which it asks for the number."""

    NUMBER = "number"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class PublicKind:
    """A category whose matters are public, with those below it, except `without` and those below that."""

    category: str
    without: tuple[str, ...]
    answered: Answered
    decimals: int
    """Decimals of a degree that are shown of a point."""
    level: Level
    """The lowest level of area that is shown."""

    def holds(self, category: str) -> bool:
        """Return whether the matters of a category are public by this entry."""
        return within(self.category, category) and not any(within(each, category) for each in self.without)

    def point(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Return a point as it is shown."""
        return round(latitude, self.decimals), round(longitude, self.decimals)

    def area(self, code: str) -> str:
        """Return an area as it is shown: the code itself, or that of the area above it at the level."""
        return code[: DIGITS[self.level]]


@dataclass(frozen=True, slots=True)
class PublicRules:
    """rules/public. What is not in it is public in nothing."""

    changed: datetime
    """When services or their questions changed the last time."""
    contact: tuple[str, str]
    """Whom programmers ask, in Chinese and in English."""
    keys: tuple[str, str]
    """How they get a key."""
    kinds: tuple[PublicKind, ...]

    def kind_of(self, category: str) -> PublicKind | None:
        """Return the entry by which the matters of a category are public, the nearest one; None if they are not."""
        above = [each for each in self.kinds if within(each.category, category)]
        nearest = max(above, key=lambda each: len(each.category), default=None)
        return nearest if nearest is not None and nearest.holds(category) else None

    def offered(self, categories: CategoryTree) -> list[Category]:
        """Return the categories whose matters are public, in the order of their file."""
        return [each for each in categories if self.kind_of(each.id) is not None]

    def among(self, categories: CategoryTree, asked: Iterable[str]) -> list[str]:
        """Return those categories that are asked for and public; all public ones if none is asked for."""
        wanted = set(asked)
        return [each.id for each in self.offered(categories) if not wanted or each.id in wanted]


def is_over(state: ReportState, *, case_closed: bool) -> bool:
    """Return whether a matter is over: its report was not accepted, or its case is closed."""
    return state in OVER or (state is ReportState.ACCEPTED and case_closed)


def status_words(state: ReportState, outcome: Outcome | None, language: str, *, case_closed: bool) -> str:
    """Return how far a matter is, in words for everybody: nothing that was said of it or decided in it."""
    if state is ReportState.MERGED:
        return _MERGED[language == "en"]
    if state in _PHASES:
        return PHASE_WORDS[_PHASES[state]][language == "en"]
    return answer_words(state, outcome, language, closed=case_closed)
