"""Clusters: whether like cases at a place have become more than chance explains, by counts alone.

Cases are taken to come as a Poisson process: so many a day, each by itself. Two counts over known days are compared
exactly, by the conditional (binomial) test: given how many there were in both periods, where each fell is a toss whose
odds are the lengths of the periods. Nothing here is an estimate of anybody's conduct, and nothing sees a person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

SMALL = 5
"""Counts below it, nought among them, are shown to the level that answers for the place and to nobody else."""
_SURE = 0.975


@dataclass(frozen=True, slots=True)
class Counted:
    """Cases counted over days."""

    cases: int
    days: float

    @property
    def rate(self) -> float:
        """Cases a day."""
        return self.cases / self.days

    @property
    def is_small(self) -> bool:
        """Whether there are so few that they could be known one by one."""
        return self.cases < SMALL


@dataclass(frozen=True, slots=True)
class Ratio:
    """A rate by another, with the ends of its exact 95 % interval; None where it has no end, or is no number."""

    ratio: float | None
    low: float
    high: float | None

    @property
    def tells(self) -> bool:
        """Whether a difference can be told: the interval does not hold 1."""
        return self.low > 1 or (self.high is not None and self.high < 1)


@dataclass(frozen=True, slots=True)
class EffectRule:
    """How an effect is measured: days before and after, days left out in between, and what is too little."""

    window_days: int
    transition_days: int
    min_days: int
    min_cases: int


@dataclass(frozen=True, slots=True)
class ClusterRule:
    """When like cases at a place are a candidate; a house default throughout (rules/clusters/)."""

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
    """The counts of a place and a kind: in the window and before, there and at the places beside it."""

    recent: Counted
    earlier: Counted
    peers_recent: Counted
    peers_earlier: Counted


@dataclass(frozen=True, slots=True)
class Finding:
    """What the counts of a place say."""

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
    """Return how likely so many hits or more are in so many tosses, each a hit with these odds."""
    if hits <= 0:
        return 1.0
    return beta_below(odds, hits, tosses - hits + 1)


def _share(hits: int, tosses: int) -> tuple[float, float]:
    """Return the exact 95 % interval (Clopper and Pearson) of the odds that gave so many hits."""
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
    """Return the rate after by the rate before, with its exact 95 % interval."""
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
    """Return how likely so many recent cases or more are, if nothing has changed since the time before."""
    odds = recent.days / (recent.days + earlier.days)
    return at_least(recent.cases, recent.cases + earlier.cases, odds)


def judge(rule: ClusterRule, place: Place, looked_at: int) -> Finding | None:
    """Return what makes a place a candidate; None where it is none. `looked_at` is how many were tried.

    Who tries many finds something by chance: the chance is multiplied by how many were tried (Bonferroni).
    """
    recent, earlier = place.recent, place.earlier
    if recent.cases < max(rule.min_cases, SMALL) or recent.rate < rule.ratio * earlier.rate:
        return None
    chance = min(1.0, chance_of(recent, earlier) * looked_at)
    if chance > rule.chance_at_most or not _outruns(rule, place):
        return None
    return Finding(earlier.rate * recent.days, change(recent, earlier), chance)


def _outruns(rule: ClusterRule, place: Place) -> bool:
    """Tell whether the place has grown more than those beside it; what grows everywhere is no cluster of a place."""
    recent, earlier = place.peers_recent, place.peers_earlier
    if recent.cases + earlier.cases < rule.min_peers or not earlier.cases or not place.earlier.cases:
        return True
    return place.recent.rate / place.earlier.rate >= rule.more_than_peers * recent.rate / earlier.rate


class Verdict(IntEnum):
    """What can be said of an effect; the numbers are those of the contract."""

    TOO_EARLY = 1
    TOO_FEW = 2
    NO_DIFFERENCE = 3
    FEWER = 4
    MORE = 5


def effect(rule: EffectRule, before: Counted, after: Counted | None) -> tuple[Verdict, Ratio | None]:
    """Return what can be said of cases before and after, and the change; no change where there is too little."""
    if after is None or after.days < rule.min_days:
        return Verdict.TOO_EARLY, None
    if before.cases + after.cases < rule.min_cases:
        return Verdict.TOO_FEW, None
    found = change(after, before)
    if not found.tells:
        return Verdict.NO_DIFFERENCE, found
    return (Verdict.MORE if found.low > 1 else Verdict.FEWER), found
