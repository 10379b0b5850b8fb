"""Filing by people: where it is open without an account, emergency numbers, what is shown of identical matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from casework.door.category import within
from casework.units import UnitTree

KEY_LENGTH = 32
"""Minimum length of an idempotency key without an account: it is the secret with which a receipt is returned again."""


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A number to call; only for these categories, if any, and only for minors if so."""

    number: str
    zh: str
    en: str
    basis: str
    categories: tuple[str, ...] = ()
    minor: bool = False

    def fits(self, category: str, *, minor: bool) -> bool:
        """Return whether to show it in such a matter."""
        of_kind = not self.categories or any(within(each, category) for each in self.categories)
        return of_kind and (minor or not self.minor)


class DoorGuard(StrEnum):
    """What somebody without an account has to show before they file."""

    LIMITS = "limits"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Work:
    """How hard a challenge is, and for how many minutes it is good."""

    rounds: int
    tries: int
    minutes: int


@dataclass(frozen=True, slots=True)
class FilingRules:
    """rules/filing."""

    doors: Mapping[str, DoorGuard]
    """What stands at each open door, by its unit."""
    work: Work
    similar: tuple[str, ...]
    numbers: tuple[HelpLine, ...]

    def guard_at(self, unit: str, units: UnitTree) -> DoorGuard | None:
        """Return what stands at the door of a unit, by the nearest entry above it; None where it is closed."""
        nearest: str | None = None
        for each in self.doors:
            if units.contains(each, unit) and (nearest is None or units.contains(nearest, each)):
                nearest = each
        return None if nearest is None else self.doors[nearest]

    def may_say(self, category: str) -> bool:
        """Return whether people may learn that a matter of this category is known."""
        return any(within(each, category) for each in self.similar)

    def call_now(self, category: str, *, minor: bool) -> tuple[HelpLine, ...]:
        """Return the numbers to call in danger, in order."""
        return tuple(each for each in self.numbers if each.fits(category, minor=minor))
