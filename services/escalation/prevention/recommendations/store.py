"""Statements of recommendations and their pairs, and of clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Select,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    cast,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from casework import names
from casework.supervision.prevention.recommendation import WITH_DEPARTMENT
from services.escalation.models import CaseFact
from services.escalation.prevention.recommendations.models import AdvicePair, ClusterDismissal, Recommendation
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER, _UNIT = bindparam("number", type_=Text), bindparam("unit", type_=Text)
_GET = select(Recommendation).where(Recommendation.number == _NUMBER)
_PAIRS_OF = select(AdvicePair).where(AdvicePair.number == _NUMBER).order_by(AdvicePair.pair)
_NTH = func.generate_series(1, bindparam("pairs", type_=Integer)).column_valued("nth")
_FIX = insert(AdvicePair).from_select(["number", "pair"], select(_NUMBER, _NTH))
_PAIRS = (
    select(AdvicePair)
    .where(AdvicePair.number == any_(bindparam("numbers", type_=ARRAY(Text))))
    .order_by(AdvicePair.number, AdvicePair.pair)
)


async def add(connection: Connection, number: str, **columns: object) -> Recommendation:
    """Store a recommendation and return its row."""
    return await rows.insert(connection, Recommendation, number=number, **columns)


async def get(connection: Connection, number: str) -> Recommendation:
    """Return a recommendation; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: Recommendation, **columns: object) -> Recommendation:
    """Change columns of a recommendation and return its new row."""
    return await rows.update(connection, Recommendation, {"number": row.number}, **columns)


async def pairs_of(connection: Connection, number: str) -> Sequence[AdvicePair]:
    """Return the pairs of a recommendation, in order."""
    return await connection.execute(_PAIRS_OF, {"number": number})


async def fix_pairs(connection: Connection, row: Recommendation) -> None:
    """Store the pairs of an approved recommendation: each gets its own reply."""
    await connection.execute(_FIX, {"number": row.number, "pairs": row.pair_count})


@lru_cache(maxsize=2)
def _answer(column: str) -> Update:
    of_pair = (AdvicePair.number == _NUMBER, AdvicePair.pair == bindparam("pair"))
    return update(AdvicePair).where(*of_pair).values({column: bindparam("answer")})


async def answer(
    connection: Connection, number: str, column: Literal["adoption", "carried_out"], answers: Mapping[int, int]
) -> None:
    """Store the result of each pair: its `adoption`, or what was `carried_out`."""
    told = [{"number": number, "pair": pair, "answer": answer} for pair, answer in answers.items()]
    await connection.execute(_answer(column), told)


@lru_cache(maxsize=4)
def _listed(only_open: bool, behind: bool) -> Select[Recommendation]:
    served = and_(Recommendation.addressee.like(_UNIT), Recommendation.state.in_(sorted(WITH_DEPARTMENT)))
    found = select(Recommendation).where(or_(Recommendation.unit.like(_UNIT), served))
    if only_open:
        found = found.where(Recommendation.closed_at.is_(None), Recommendation.withdrawn_at.is_(None))
    if behind:
        end = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("behind", type_=Text))
        found = found.where(tuple_(Recommendation.created_at, Recommendation.number) > end)
    return found.order_by(Recommendation.created_at, Recommendation.number).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Recommendation]:
    """Return recommendations of units of the pattern, and those served on one of them, oldest first."""
    at, number = behind or (None, "")
    parameters = {"unit": unit, "at": at, "behind": number, "limit": limit}
    return await connection.execute(_listed(only_open, behind is not None), parameters)


async def pairs_by_number(connection: Connection, numbers: Sequence[str]) -> dict[str, list[AdvicePair]]:
    """Return the pairs of several recommendations, in one statement."""
    found: dict[str, list[AdvicePair]] = {number: [] for number in numbers}
    for pair in await connection.execute(_PAIRS, {"numbers": list(numbers)}):
        found[pair.number].append(pair)
    return found


# A department's case counts at the place of the department.
_WHERE = func.coalesce(func.nullif(CaseFact.place, ""), CaseFact.unit, type_=Text)
_SCOPE, _HOLDER = bindparam("scope", type_=Text), bindparam("holder", type_=Text)
_START, _NOW, _END = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "now", "end"))
# One pass over the window's index: first counted at their own place, then for the branch above and the level below the
# unit requested.
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


class CasesOf(NamedTuple):
    """How many cases of a kind a place had, in the window and before it."""

    place: str
    category: str
    recent: int
    earlier: int


async def first_case(connection: Connection, scope: str, holder: str) -> datetime | None:
    """Return when the first case was received; both parameters are patterns: of places, and of units."""
    return await connection.scalar(_SINCE, {"scope": scope, "holder": holder})


async def counted(connection: Connection, asked: Mapping[str, object]) -> list[CasesOf]:
    """Return the cases of every place and kind."""
    return [CasesOf(*row) for row in await connection.execute(_COUNTS, asked)]


async def like_cases(connection: Connection, scope: str, category: str, start: datetime, end: datetime) -> int:
    """Return how many cases of a kind a place had between two instants."""
    parameters = {"scope": scope, "category": category, "below": f"{category}/%", "start": start, "end": end}
    return await connection.scalar(_ONE, parameters) or 0


async def dismissed(connection: Connection, scope: str, now: datetime) -> set[tuple[str, str]]:
    """Return the places and kinds that are set aside now."""
    return set(await connection.execute(_DISMISSED, {"now": now, "scope": scope}))


async def dismiss(connection: Connection, number: str, **columns: object) -> ClusterDismissal:
    """Store a candidate that was set aside."""
    return await rows.insert(connection, ClusterDismissal, number=number, **columns)
