"""How long matters were open, in percentiles, and rates: facts of a unit for those who work there, never a rank."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MINIMUM = 5
"""Below this a share or a percentile says something about single matters, not about the work."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One number out of another."""

    numerator: int = 0
    denominator: int = 0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.numerator + other.numerator, self.denominator + other.denominator)

    @property
    def too_few(self) -> bool:
        """Whether there are too few to say a share."""
        return self.denominator < MINIMUM

    @property
    def share(self) -> int:
        """The share in 1/10000; 0 if there are too few."""
        return 0 if self.too_few else round(10_000 * self.numerator / self.denominator)


@dataclass(frozen=True, slots=True)
class Days:
    """How many matters were open for how many days."""

    counts: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Days) -> Days:
        days = {*self.counts, *other.counts}
        return Days({each: self.counts.get(each, 0) + other.counts.get(each, 0) for each in days})

    @property
    def count(self) -> int:
        """How many matters there are."""
        return sum(self.counts.values())

    @property
    def too_few(self) -> bool:
        """Whether there are too few to say days."""
        return self.count < MINIMUM

    def percentile(self, percent: int) -> int:
        """Return the smallest number of days that so many percent were open at most; 0 if there are too few."""
        if self.too_few:
            return 0
        wanted, seen = math.ceil(self.count * percent / 100), 0
        for days in sorted(self.counts):
            seen += self.counts[days]
            if seen >= wanted:
                return days
        raise AssertionError("percent is at most 100")


@dataclass(frozen=True, slots=True)
class Handling:
    """How matters were handled; the three rates are three results and are never merged into one."""

    closed: Days = Days()
    open: Days = Days()
    agreed: Rate = Rate()
    performed: Rate = Rate()
    satisfied: Rate = Rate()

    def __add__(self, other: Handling) -> Handling:
        return Handling(
            self.closed + other.closed, self.open + other.open, self.agreed + other.agreed,
            self.performed + other.performed, self.satisfied + other.satisfied,
        )  # fmt: skip
