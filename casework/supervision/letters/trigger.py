"""What triggers a letter, as data. A trigger only creates a draft: one person takes it up, another signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from casework.clocks.calendar import area_of
from casework.supervision.letters.letter import LetterKind
from casework.supervision.letters.occasion import Happening, Occasion


@dataclass(frozen=True, slots=True)
class Words:
    """A letter's text in one language: the basis, what happened, what is required."""

    basis: str
    facts: str
    demand: str

    def of(self, occasion: Occasion) -> Words:
        """Return the text with the matter and the number of times or days filled in."""
        told = {"subject": occasion.subject.rpartition("/")[2], "times": occasion.times, "days": occasion.overdue_days}
        return Words(self.basis.format(**told), self.facts.format(**told), self.demand.format(**told))


@dataclass(frozen=True, slots=True)
class LetterTrigger:
    """One rule: above these thresholds of times, delay and grade, a letter of this kind is drafted."""

    name: str
    version: str
    kind: LetterKind
    happening: Happening
    zh: Words
    en: Words
    confidence: str
    times: int = 1
    overdue_days: int = 0
    grades: tuple[str, ...] = ()
    next: LetterKind | None = None
    jurisdiction: str = "cn"
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def cited(self) -> str:
        """The rule as cited in a draft: `rule overdue-warning 2026-11`."""
        return f"rule {self.name} {self.version}"

    def holds(self, unit: str, day: date) -> bool:
        """Return whether the rule applies to a unit on a day; both bounds are included."""
        lies = self.jurisdiction == "cn" or area_of(unit).startswith(self.jurisdiction)
        return lies and (self.valid_from or date.min) <= day <= (self.valid_to or date.max)

    def fits(self, occasion: Occasion) -> bool:
        """Return whether the occasion reaches every threshold of the rule."""
        return (
            occasion.happening is self.happening
            and occasion.times >= self.times
            and occasion.overdue_days >= self.overdue_days
            and (not self.grades or occasion.grade in self.grades)
        )


class LetterBook:
    """The triggers of all files."""

    def __init__(self, triggers: Iterable[LetterTrigger]) -> None:
        self._triggers = tuple(triggers)

    def __iter__(self) -> Iterator[LetterTrigger]:
        """Iterate over the triggers in the order of their files."""
        return iter(self._triggers)

    def __len__(self) -> int:
        """Return how many triggers there are."""
        return len(self._triggers)

    def gravest(self, occasion: Occasion, day: date) -> LetterTrigger | None:
        """Return the trigger of the gravest letter for an occasion; None if no trigger fits.

        A failed letter is followed by the next rung, not the gravest: see `rung`.
        """
        if occasion.happening is Happening.letter_failed:
            return None
        found = [each for each in self._triggers if each.holds(occasion.unit, day) and each.fits(occasion)]
        return max(found, key=_rank, default=None)

    def rung(self, kind: LetterKind, unit: str, day: date) -> LetterTrigger | None:
        """Return the trigger with the text of a letter of this kind that follows a failed one."""
        failed = (each for each in self._triggers if each.happening is Happening.letter_failed and each.kind is kind)
        return max((each for each in failed if each.holds(unit, day)), key=_rank, default=None)


def _rank(trigger: LetterTrigger) -> tuple[int, int, date]:
    narrow = 0 if trigger.jurisdiction == "cn" else len(trigger.jurisdiction)
    return trigger.kind, narrow, trigger.valid_from or date.min
