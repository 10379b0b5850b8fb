"""Clusters: whether like cases at a place have increased more than chance explains, by counts alone.

Cases are modelled as a Poisson process: a daily rate, independent events. Two counts over known days are compared
exactly, by the conditional (binomial) test: given the total of both periods, each case falls into one of them with
odds given by the periods' lengths. Nothing here estimates anybody's conduct or uses data about a person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

SMALL = 5
"""Counts below it, including zero, are shown only to the level responsible for the place."""
_SURE = 0.975


@dataclass(frozen=True, slots=True)
class Counted:
    """A count of cases over a number of days."""

    cases: int
    days: float

    @property
    def rate(self) -> float:
        """Cases a day."""
        return self.cases / self.days

    @property
    def is_small(self) -> bool:
        """Whether there are so few that individual cases could be recognised."""
        return self.cases < SMALL


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of two rates, with the ends of its exact 95 % interval; None if an end is unbounded or undefined."""

    ratio: float | None
    low: float
    high: float | None

    @property
    def tells(self) -> bool:
        """Whether there is a significant difference: the interval does not contain 1."""
        return self.low > 1 or (self.high is not None and self.high < 1)


@dataclass(frozen=True, slots=True)
class EffectRule:
    """How an effect is measured: days before and after, days left out in between, and the minimum of data."""

    window_days: int
    transition_days: int
    min_days: int
    min_cases: int


@dataclass(frozen=True, slots=True)
class ClusterRule:
    """When like cases at a place are a candidate; all values are house defaults (rules/clusters/)."""

    version: str
    basis: str
    window_days: int
    earlier_windows: int
    min_cases: int
    ratio: float
    chance_at_most: float
    more_than_peers: float
    min_peers: int
    dismissed_days: int
    effect: EffectRule


@dataclass(frozen=True, slots=True)
class Place:
    """The counts of a place and a category: in the window and before, there and at the neighbouring places."""

    recent: Counted
    earlier: Counted
    peers_recent: Counted
    peers_earlier: Counted


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding from the counts of a place."""

    expected: float
    change: Ratio
    chance: float


def beta_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_below(1.0 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 / _not_nought(1.0 - (a + b) * x / (a + 1), tiny)
    whole = d
    for step in range(1, 10_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for part in (even, odd):
            d = 1.0 / _not_nought(1.0 + part * d, tiny)
            c = _not_nought(1.0 + part / c, tiny)
            whole *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return whole


def _not_nought(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def at_least(hits: int, tosses: int, odds: float) -> float:
    """Return the probability of at least this many hits in this many trials, each a hit with these odds."""
    if hits <= 0:
        return 1.0
    return beta_below(odds, hits, tosses - hits + 1)


def _share(hits: int, tosses: int) -> tuple[float, float]:
    """Return the exact 95 % interval (Clopper and Pearson) of the odds, given this many hits."""
    low = 0.0 if hits == 0 else _where(1 - _SURE, hits, tosses - hits + 1)
    high = 1.0 if hits == tosses else _where(_SURE, hits + 1, tosses - hits)
    return low, high


def _where(level: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_below(middle, a, b) < level else (low, middle)
    return (low + high) / 2


def change(after: Counted, before: Counted) -> Ratio:
    """Return the rate after divided by the rate before, with its exact 95 % interval."""
    total = after.cases + before.cases
    if total == 0:
        return Ratio(None, 0.0, None)
    low, high = _share(after.cases, total)
    odds = before.days / after.days
    return Ratio(
        after.rate / before.rate if before.cases else None,
        low / (1 - low) * odds if low < 1 else 0.0,
        high / (1 - high) * odds if high < 1 else None,
    )


def chance_of(recent: Counted, earlier: Counted) -> float:
    """Return the probability of at least this many recent cases if the rate has not changed."""
    odds = recent.days / (recent.days + earlier.days)
    return at_least(recent.cases, recent.cases + earlier.cases, odds)


def judge(rule: ClusterRule, place: Place, looked_at: int) -> Finding | None:
    """Return what makes a place a candidate; None if it is not one. `looked_at` is how many places were tested.

    Testing many places finds some by chance: the probability is multiplied by the number tested (Bonferroni).
    """
    recent, earlier = place.recent, place.earlier
    if recent.cases < max(rule.min_cases, SMALL) or recent.rate < rule.ratio * earlier.rate:
        return None
    chance = min(1.0, chance_of(recent, earlier) * looked_at)
    if chance > rule.chance_at_most or not _outruns(rule, place):
        return None
    return Finding(earlier.rate * recent.days, change(recent, earlier), chance)


def _outruns(rule: ClusterRule, place: Place) -> bool:
    """Tell whether the place has grown more than its neighbours; growth everywhere is not a local cluster."""
    recent, earlier = place.peers_recent, place.peers_earlier
    if recent.cases + earlier.cases < rule.min_peers or not earlier.cases or not place.earlier.cases:
        return True
    return place.recent.rate / place.earlier.rate >= rule.more_than_peers * recent.rate / earlier.rate


class Verdict(IntEnum):
    """The verdict on an effect; the numbers match the contract."""

    TOO_EARLY = 1
    TOO_FEW = 2
    NO_DIFFERENCE = 3
    FEWER = 4
    MORE = 5


def effect(rule: EffectRule, before: Counted, after: Counted | None) -> tuple[Verdict, Ratio | None]:
    """Return the verdict on cases before and after, and the change; no change if there is too little data."""
    if after is None or after.days < rule.min_days:
        return Verdict.TOO_EARLY, None
    if before.cases + after.cases < rule.min_cases:
        return Verdict.TOO_FEW, None
    found = change(after, before)
    if not found.tells:
        return Verdict.NO_DIFFERENCE, found
    return (Verdict.MORE if found.low > 1 else Verdict.FEWER), found
