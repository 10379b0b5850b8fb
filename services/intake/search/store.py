"""Statements of search: which reports are open, what they say, and what is needed to decide who may find them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Text, and_, any_, bindparam, false, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.door.report import OPEN, ReportState
from services.intake.models import Addition, Report, SearchSigns
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding
from services.kit.storage.sealing import SealedBytes, WrappedKey

_NUMBERS = any_(bindparam("numbers", type_=ARRAY(Text)))
_AT_THE_DOOR = (*sorted(OPEN), ReportState.DISPUTED)
_WITH_A_CASE = (ReportState.ACCEPTED, ReportState.MERGED)
_HEAD = func.coalesce(func.nullif(Report.merged_into, ""), Report.number, type_=Text)
_CLOSED = func.coalesce(CaseStanding.closed, false())
_IS_OPEN = and_(
    Report.erased_at.is_(None),
    or_(Report.state.in_(_AT_THE_DOOR), and_(Report.state.in_(_WITH_A_CASE), not_(_CLOSED))),
)


class Told(NamedTuple):
    """A report and what is sealed of it."""

    number: str
    is_open: bool
    erased_at: datetime | None
    sealed_key: WrappedKey
    sealed: SealedBytes


class Hit(NamedTuple):
    """A report with some of the words, and what decides who may find it."""

    number: str
    head: str
    unit: str
    about: str
    category: str


_TOLD = (
    select(Report.number, _IS_OPEN, Report.erased_at, Report.sealed_key, Report.sealed)
    .outerjoin(CaseStanding, CaseStanding.number == _HEAD)
    .where(Report.number == _NUMBERS)
)
_ADDED = select(Addition.number, Addition.sealed).where(Addition.number == _NUMBERS)
_HITS = (
    select(Report.number, _HEAD, Report.unit, Report.about, Report.category)
    .outerjoin(CaseStanding, CaseStanding.number == _HEAD)
    .where(Report.number == _NUMBERS, _IS_OPEN)
)
_NEW = insert(SearchSigns).from_select(
    ["number"], select(Report.number).where(Report.number == _NUMBERS, Report.erased_at.is_(None),
                                            Report.state.in_((*_AT_THE_DOOR, *_WITH_A_CASE)))
)  # fmt: skip
_MARK_NEW = _NEW.on_conflict_do_update(index_elements=[SearchSigns.number], set_={"stale": True})
# A case that is closed must not be found any more, one that is reopened must; other news of it change nothing here.
_FOLLOW = (
    update(SearchSigns)
    .values(stale=True)
    .where(
        SearchSigns.number == Report.number,
        CaseStanding.number == _HEAD,
        or_(Report.number == _NUMBERS, and_(Report.merged_into == _NUMBERS, Report.merged_into != "")),
        or_(
            and_(CaseStanding.closed, SearchSigns.signs.is_not(None)),
            and_(not_(CaseStanding.closed), SearchSigns.signs.is_(None)),
        ),
    )
)


async def told(connection: Connection, numbers: Sequence[str]) -> list[Told]:
    """Return what is sealed of these reports."""
    return [Told(*row) for row in await connection.execute(_TOLD, {"numbers": list(numbers)})]


async def added(connection: Connection, numbers: Sequence[str]) -> Sequence[tuple[str, SealedBytes]]:
    """Return the words that reporters added to these reports, sealed."""
    return await connection.execute(_ADDED, {"numbers": list(numbers)})


async def hits(connection: Connection, numbers: Collection[str]) -> list[Hit]:
    """Return those of these reports that are open."""
    return [Hit(*row) for row in await connection.execute(_HITS, {"numbers": sorted(numbers)})]


async def mark_new(connection: Connection, numbers: Sequence[str]) -> None:
    """Have the signs of new reports worked out, of those that may be open."""
    await connection.execute(_MARK_NEW, {"numbers": list(numbers)})


async def follow(connection: Connection, numbers: Sequence[str]) -> None:
    """Have signs worked out again where the case of a report was closed or reopened."""
    await connection.execute(_FOLLOW, {"numbers": list(numbers)})
