"""Indicators: shares that compare a unit with its peers and with its own past. In bands, never in ranks.

The measures are a closed list, and each numerator has one denominator: nothing can be counted that rewards fewer
petitions, fewer suits or faster closing, and nothing about a person. The service counts the same in SQL.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Measure(StrEnum):
    """What can be counted."""

    steps_due = "steps_due"
    """Steps whose clock ended in the period; those cancelled before their deadline are not counted."""
    steps_in_time = "steps_in_time"
    """Those of them that were done in time."""
    notices_made = "notices_made"
    """Notices of rights issued for mediations that ended in the period."""
    notices_served = "notices_served"
    """Those of them that were served."""
    agreements_to_perform = "agreements_to_perform"
    """Cases last closed in the period whose agreements have a part with a date."""
    agreements_performed = "agreements_performed"
    """Those of them that were fully performed."""
    answers_given = "answers_given"
    """Parties asked about the mediation at visits, in cases last closed in the period."""
    answers_satisfied = "answers_satisfied"
    """Those of them who are satisfied."""
    matters_visited = "matters_visited"
    """Cases last closed in the period that were visited afterwards."""
    matters_recurred = "matters_recurred"
    """Those of them in which the matter recurred."""


PART_OF = {
    Measure.steps_in_time: Measure.steps_due,
    Measure.notices_served: Measure.notices_made,
    Measure.agreements_performed: Measure.agreements_to_perform,
    Measure.answers_satisfied: Measure.answers_given,
    Measure.matters_recurred: Measure.matters_visited,
}
"""Each numerator and its only denominator: always a share, never a total or a rate per head."""

FORBIDDEN = {
    "petitions": "rewards fewer petitions: units would hold people back from a right",
    "petitions_received": "rewards fewer petitions: units would hold people back from a right",
    "petitions_repeated": "rewards fewer petitions: units would hold people back from a right",
    "petitions_to_higher_levels": "rewards fewer petitions: units would hold people back from a right",
    "group_petitions_prevented": "rewards fewer petitions: units would hold people back from a right",
    "suits_filed": "rewards fewer suits: the way to court is a right",
    "suits_prevented": "rewards fewer suits: the way to court is a right",
    "police_calls": "rewards fewer calls for help",
    "hotline_calls": "rewards fewer calls",
    "reports_received": "rewards fewer or more reports: units would turn people away, or invent matters",
    "mediations_held": "is a quota of mediations",
    "agreements_reached": "rewards agreement at any price: taking part is voluntary",
    "success_rate": "merges three results that are kept apart: outcome, performance, satisfaction",
    "matters_closed": "rewards faster closing alone",
    "matters_closed_in_time": "rewards faster closing alone",
    "days_to_close": "rewards faster closing alone",
    "officials_compared": "ranks persons",
    "handler_caseload": "ranks persons",
}
"""What somebody may want to count, and why no rule may count it."""

CLOSING_STEPS = frozenset({"close_low", "close_medium", "close_high", "close_review"})
"""Steps for which being in time only means that something was closed fast."""


class Direction(StrEnum):
    """Which share is the better one."""

    high = "high"
    low = "low"


_DIRECTION = {Measure.matters_recurred: Direction.low}


class Band(IntEnum):
    """A unit compared with the pooled rate of its peers; the numbers match the contract."""

    AHEAD = 1
    WITHIN = 2
    BEHIND = 3


class Trend(IntEnum):
    """A unit compared with its own previous period; the numbers match the contract."""

    BETTER = 1
    STEADY = 2
    WORSE = 3


@dataclass(frozen=True, slots=True)
class Indicator:
    """A rule. `interval` is in percentage points; `peers` is how many peers with enough matters a comparison needs."""

    name: str
    version: str
    zh: str
    en: str
    numerator: Measure
    denominator: Measure
    better: Direction
    minimum: int
    interval: int
    peers: int
    basis: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """A numerator and its denominator."""

    numerator: int = 0
    denominator: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.numerator + other.numerator, self.denominator + other.denominator)

    @property
    def share(self) -> float:
        """The share, 0 to 1."""
        return self.numerator / self.denominator if self.denominator else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit's result. If the sample is too small, only that is stated; shares are 0 to 1."""

    too_few: bool
    tally: Tally = Tally()
    peers: int = 0
    peer_share: float = 0.0
    interval: float = 0.0
    band: Band | None = None
    trend: Trend | None = None


def faults(indicator: Indicator) -> list[tuple[str, str]]:
    """Return what is wrong with a rule: the field and why, so that the loader can name the line."""
    found: list[tuple[str, str]] = []
    if PART_OF.get(indicator.numerator) is not indicator.denominator:
        parts = ", ".join(f"{part} of {whole}" for part, whole in PART_OF.items())
        found.append(("denominator", f"each numerator has one denominator: {parts}"))
    if indicator.better is not _DIRECTION.get(indicator.numerator, Direction.high):
        found.append(("better", f"for {indicator.numerator} the better share is not the {indicator.better} one"))
    about_steps = indicator.numerator is Measure.steps_in_time
    if about_steps != bool(indicator.steps):
        found.append(("steps", "are required if steps are counted, and not allowed otherwise"))
    if closing := sorted(set(indicator.steps) & CLOSING_STEPS):
        found.append(("steps", f"{closing[0]} rewards faster closing alone"))
    return found


def stand(rule: Indicator, own: Tally, peers: Iterable[Tally], before: Tally) -> Standing:
    """Return a unit's result against the pooled share of its peers, itself excluded, and the previous period."""
    if own.denominator < rule.minimum:
        return Standing(too_few=True)
    enough = [peer for peer in peers if peer.denominator >= rule.minimum]
    trend = None
    if before.denominator >= rule.minimum:
        trend = Trend(_side(rule, own.share - before.share, _interval(rule, before.share, own, before)))
    if len(enough) < rule.peers:
        return Standing(False, own, len(enough), trend=trend)
    pooled = sum(enough, Tally())
    interval = _interval(rule, pooled.share, own, pooled)
    band = Band(_side(rule, own.share - pooled.share, interval))
    return Standing(False, own, len(enough), pooled.share, interval, band, trend)


def _interval(rule: Indicator, share: float, own: Tally, other: Tally) -> float:
    """Return half the width of the middle band: the rule's, or what chance alone explains in 19 of 20 cases."""
    chance = math.sqrt(share * (1 - share) * (1 / own.denominator + 1 / other.denominator))
    return max(rule.interval / 100, 1.96 * chance)


def _side(rule: Indicator, difference: float, interval: float) -> int:
    # Nine digits are more than any share has; a value on the edge of the band is within it.
    if round(abs(difference) - interval, 9) <= 0:
        return 2
    return 1 if (difference > 0) is (rule.better is Direction.high) else 3


@dataclass(frozen=True, slots=True)
class StepFacts:
    """The facts of a step, from its clock."""

    unit: str
    rule: str
    met: bool
    due_at: datetime | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class MatterFacts:
    """The facts of a matter."""

    unit: str
    mediation_ended_at: datetime | None
    last_closed_at: datetime | None
    notices: int
    notices_served: int
    performance: str
    answers: int
    satisfied: int
    visits: int
    recurred: bool


def tally(
    rule: Indicator, matters: Sequence[MatterFacts], steps: Sequence[StepFacts], start: datetime, end: datetime,
    now: datetime,
) -> Tally:  # fmt: skip
    """Return what a rule counts from these facts in a period; the service's SQL counts the same."""
    if rule.numerator is Measure.steps_in_time:
        due = [
            step for step in steps
            if step.rule in rule.steps and step.due_at and start <= step.due_at < min(end, now) and _stood(step)
        ]  # fmt: skip
        return Tally(sum(_in_time(step) for step in due), len(due))
    if rule.numerator is Measure.notices_served:
        ended = [each for each in matters if _within(each.mediation_ended_at, start, end)]
        return Tally(sum(each.notices_served for each in ended), sum(each.notices for each in ended))
    closed = [each for each in matters if _within(each.last_closed_at, start, end)]
    if rule.numerator is Measure.agreements_performed:
        performed = [each.performance for each in closed if each.performance]
        return Tally(performed.count("DONE"), len(performed))
    if rule.numerator is Measure.answers_satisfied:
        return Tally(sum(each.satisfied for each in closed), sum(each.answers for each in closed))
    visited = [each for each in closed if each.visits]
    return Tally(sum(each.recurred for each in visited), len(visited))


def _within(at: datetime | None, start: datetime, end: datetime) -> bool:
    return at is not None and start <= at < end


def _in_time(step: StepFacts) -> bool:
    return step.met and step.stopped_at is not None and step.due_at is not None and step.stopped_at <= step.due_at


def _stood(step: StepFacts) -> bool:
    """Return whether the clock reached its end or was met: one cancelled earlier counts neither way."""
    return step.met or step.stopped_at is None or (step.due_at is not None and step.stopped_at > step.due_at)
