"""Filing by people: where the door is open without an account, whom to call in danger, what is said of same matters."""

from __future__ import annotations

from dataclasses import dataclass

from casework.door.category import within
from casework.units import UnitTree

KEY_LENGTH = 32
"""Characters of an idempotency key without an account: it is the secret by which a receipt is answered again."""


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
        """Return whether to tell it in such a matter."""
        of_kind = not self.categories or any(within(each, category) for each in self.categories)
        return of_kind and (minor or not self.minor)


@dataclass(frozen=True, slots=True)
class FilingRules:
    """rules/filing."""

    open: tuple[str, ...]
    similar: tuple[str, ...]
    numbers: tuple[HelpLine, ...]

    def is_open(self, unit: str, units: UnitTree) -> bool:
        """Return whether people may file at a unit without an account."""
        return any(units.contains(each, unit) for each in self.open)

    def may_say(self, category: str) -> bool:
        """Return whether people are told that a matter of this category is known."""
        return any(within(each, category) for each in self.similar)

    def call_now(self, category: str, *, minor: bool) -> tuple[HelpLine, ...]:
        """Return the numbers to call in danger, in order."""
        return tuple(each for each in self.numbers if each.fits(category, minor=minor))
