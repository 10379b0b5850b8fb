"""Statements and counting of clusters: like cases by place and kind, in the window and before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, DateTime, Integer, Text, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from casework.supervision.prevention.cluster import ClusterRule, Counted, Finding, Place, judge
from casework.units import DIGITS, ROOT, level_of
from services.escalation.models import CaseFact
from services.escalation.prevention.recommendations.models import ClusterDismissal
from services.kit.storage import paging, rows
from services.kit.storage.database import Connection

# A department's case counts where the department is.
_WHERE = func.coalesce(func.nullif(CaseFact.place, ""), CaseFact.unit, type_=Text)
_SCOPE, _HOLDER = bindparam("scope", type_=Text), bindparam("holder", type_=Text)
_START, _NOW, _END = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "now", "end"))
# One pass over the window's index: counted where they are first, then for the branch above and the level below the unit
# asked for.
_COUNTED = (
    select(
        _WHERE.label("place"),
        CaseFact.category,
        func.count().filter(CaseFact.received_at >= _START).label("recent"),
        func.count().filter(CaseFact.received_at < _START).label("earlier"),
    )
    .where(
        CaseFact.received_at >= bindparam("earliest", type_=DateTime(timezone=True)),
        CaseFact.received_at < _NOW,
        CaseFact.unit.like(_HOLDER),
        _WHERE.like(_SCOPE),
    )
    .group_by(_WHERE, CaseFact.category)
    .cte("counted")
)
_FACTS = select(
    func.split_part(_COUNTED.c.place, "-", 1, type_=Text).label("area"),
    _COUNTED.c.category,
    _COUNTED.c.recent,
    _COUNTED.c.earlier,
).subquery("facts")
_KIND = (
    select(
        func.unnest(array([_FACTS.c.category, func.split_part(_FACTS.c.category, "/", 1)]), type_=Text).label(
            "category"
        )
    )
    .distinct()
    .correlate(_FACTS)
    .lateral("kind")
)  # fmt: skip
_DIGITS = func.unnest(bindparam("levels", type_=ARRAY(Integer)), type_=Integer).column_valued("digits")
_PLACE = func.left(_FACTS.c.area, _DIGITS, type_=Text)
_COUNTS = (
    select(
        _PLACE,
        _KIND.c.category,
        cast(func.sum(_FACTS.c.recent), BigInteger),
        cast(func.sum(_FACTS.c.earlier), BigInteger),
    )
    .select_from(_FACTS, _KIND)
    .where(func.length(_FACTS.c.area) >= _DIGITS)
    .group_by(_PLACE, _KIND.c.category)
)
_SINCE = (
    select(CaseFact.received_at)
    .where(_WHERE.like(_SCOPE), CaseFact.unit.like(_HOLDER))
    .order_by(CaseFact.received_at)
    .limit(1)
)
_ONE = (
    select(func.count())
    .select_from(CaseFact)
    .where(
        _WHERE.like(_SCOPE),
        or_(
            CaseFact.category == bindparam("category", type_=Text),
            CaseFact.category.like(bindparam("below", type_=Text)),
        ),
        CaseFact.received_at >= _START,
        CaseFact.received_at < _END,
    )
)
_DISMISSED = select(ClusterDismissal.place, ClusterDismissal.category).where(
    ClusterDismissal.until > _NOW, ClusterDismissal.place.like(_SCOPE)
)
_BELOW = {0: 2, 2: 4, 4: 6, 6: 9, 9: 12}


class _Counted(NamedTuple):
    """How many cases of a kind a place had, in the window and before it."""

    place: str
    category: str
    recent: int
    earlier: int


@dataclass(frozen=True, slots=True)
class Window:
    """The days that are compared: the window, and the time before as far back as there are cases."""

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
    """A place and a kind of case with what makes them a candidate."""

    place: str
    category: str
    counts: Place
    finding: Finding
    dismissed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought: candidates, how many were looked at, over which days."""

    candidates: list[Candidate]
    looked_at: int
    window: Window
    history_short: bool


async def find(connection: Connection, rule: ClusterRule, scope: str, now: datetime) -> Found:
    """Return the candidates in the subtree of a unit: the unit itself and the units one level below.

    A department finds what lies among its own cases, and nothing of its neighbours'.
    """
    area, _, department = scope.partition("-")
    holder = scope if department else "%"
    pattern = paging.subtree(area)
    start = now - timedelta(days=rule.window_days)
    since = await connection.scalar(_SINCE, {"scope": pattern, "holder": holder})
    earliest = max(start - timedelta(days=rule.window_days * rule.earlier_windows), min(since or start, start))
    window = Window(earliest, start, now)
    if window.earlier_days < rule.window_days:
        return Found([], 0, window, history_short=True)
    own = DIGITS[level_of(area)]
    levels = [own] if department or own not in _BELOW else [own, _BELOW[own]]
    asked = {"scope": pattern, "holder": holder, "levels": levels, "earliest": earliest, "start": start, "now": now}
    counted = [_Counted(*row) for row in await connection.execute(_COUNTS, asked)]
    aside = set(await connection.execute(_DISMISSED, {"now": now, "scope": pattern}))
    candidates = []
    for row in counted:
        counts = _compared(row, counted, window)
        finding = judge(rule, counts, len(counted))
        if finding:
            place = row.place or ROOT
            candidates.append(Candidate(place, row.category, counts, finding, (place, row.category) in aside))
    candidates.sort(key=lambda each: (each.finding.chance, each.place, each.category))
    return Found(candidates, len(counted), window, history_short=False)


def _compared(row: _Counted, counted: list[_Counted], window: Window) -> Place:
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
    """Return the like cases in a place's subtree between two instants."""
    scope = paging.subtree(place.partition("-")[0])
    parameters = {"scope": scope, "category": category, "below": f"{category}/%", "start": start, "end": end}
    return Counted(await connection.scalar(_ONE, parameters) or 0, (end - start) / timedelta(days=1))


async def dismiss(connection: Connection, number: str, **columns: object) -> ClusterDismissal:
    """Store that a candidate was set aside."""
    return await rows.insert(connection, ClusterDismissal, number=number, **columns)
