"""Counting of clusters: similar cases by place and kind, in the window and before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.supervision.prevention.cluster import ClusterRule, Counted, Finding, Place, judge
from casework.units import DIGITS, ROOT, level_of
from services.escalation.prevention.recommendations import store
from services.escalation.prevention.recommendations.store import CasesOf
from services.kit.storage import paging
from services.kit.storage.database import Connection

_BELOW = {0: 2, 2: 4, 4: 6, 6: 9, 9: 12}


@dataclass(frozen=True, slots=True)
class Window:
    """The compared days: the window, and the time before it as far back as there are cases."""

    earliest: datetime
    start: datetime
    end: datetime

    @property
    def recent_days(self) -> float:
        """Days of the window."""
        return (self.end - self.start) / timedelta(days=1)

    @property
    def earlier_days(self) -> float:
        """Days of the time before."""
        return (self.start - self.earliest) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place and a kind of case, with the figures that make it a candidate."""

    place: str
    category: str
    counts: Place
    finding: Finding
    dismissed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: candidates, how many pairs were compared, over which days."""

    candidates: list[Candidate]
    looked_at: int
    window: Window
    history_short: bool


async def find(connection: Connection, rule: ClusterRule, scope: str, now: datetime) -> Found:
    """Return the candidates in the subtree of a unit: the unit itself and the units one level below.

    A department searches its own cases only.
    """
    area, _, department = scope.partition("-")
    holder = scope if department else "%"
    pattern = paging.subtree(area)
    start = now - timedelta(days=rule.window_days)
    since = await store.first_case(connection, pattern, holder)
    earliest = max(start - timedelta(days=rule.window_days * rule.earlier_windows), min(since or start, start))
    window = Window(earliest, start, now)
    if window.earlier_days < rule.window_days:
        return Found([], 0, window, history_short=True)
    own = DIGITS[level_of(area)]
    levels = [own] if department or own not in _BELOW else [own, _BELOW[own]]
    asked = {"scope": pattern, "holder": holder, "levels": levels, "earliest": earliest, "start": start, "now": now}
    counted = await store.counted(connection, asked)
    aside = await store.dismissed(connection, pattern, now)
    candidates = []
    for row in counted:
        counts = _compared(row, counted, window)
        finding = judge(rule, counts, len(counted))
        if finding:
            place = row.place or ROOT
            candidates.append(Candidate(place, row.category, counts, finding, (place, row.category) in aside))
    candidates.sort(key=lambda each: (each.finding.chance, each.place, each.category))
    return Found(candidates, len(counted), window, history_short=False)


def _compared(row: CasesOf, counted: list[CasesOf], window: Window) -> Place:
    peers = [
        each for each in counted
        if each.category == row.category and len(each.place) == len(row.place) and each.place != row.place
    ]  # fmt: skip
    return Place(
        Counted(row.recent, window.recent_days),
        Counted(row.earlier, window.earlier_days),
        Counted(sum(each.recent for each in peers), window.recent_days),
        Counted(sum(each.earlier for each in peers), window.earlier_days),
    )


async def count(connection: Connection, place: str, category: str, start: datetime, end: datetime) -> Counted:
    """Return the similar cases in a place's subtree between two instants."""
    scope = paging.subtree(place.partition("-")[0])
    found = await store.like_cases(connection, scope, category, start, end)
    return Counted(found, (end - start) / timedelta(days=1))
