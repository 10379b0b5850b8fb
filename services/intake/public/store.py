"""Statements of what is public of reports: codes and times alone; none reads what is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from casework.case import Outcome
from casework.door.programs.public import OVER
from casework.door.report import ReportState
from services.intake.models import Report
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding

_UNIT = bindparam("unit", type_=Text)
_CATEGORIES = bindparam("categories", type_=ARRAY(Text))
_NUMBERS = bindparam("numbers", type_=ARRAY(Text))
_START, _END = bindparam("start", type_=DateTime(timezone=True)), bindparam("end", type_=DateTime(timezone=True))
_LIMIT, _SKIP = bindparam("limit", type_=Integer), bindparam("skip", type_=Integer)


class Shown(NamedTuple):
    """What is known of a public matter."""

    number: str
    category: str
    state: ReportState
    unit: str
    area: str
    latitude: float | None
    longitude: float | None
    received_at: datetime
    updated_at: datetime
    decided_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None
    case_closed: bool
    outcome: Outcome | None
    case_closed_at: datetime | None
    expected_at: datetime | None


class Became(NamedTuple):
    """What became of a public matter: `over` where its case was closed, otherwise what was decided on the report."""

    number: str
    at: datetime
    over: bool


class Span(NamedTuple):
    """Which matters, from when until when, and which part of the list."""

    unit: str
    categories: Sequence[str]
    start: datetime
    end: datetime
    skip: int
    limit: int


# A complaint about a unit, a matter of a minor, and what was erased are never public.
_PUBLIC = and_(
    Report.category == any_(_CATEGORIES), Report.about == "", not_(Report.for_minor), Report.erased_at.is_(None)
)
_CASE_CLOSED = func.coalesce(CaseStanding.closed, false())
_OVER = or_(
    Report.state == any_(bindparam("over", type_=ARRAY(SmallInteger))),
    and_(Report.state == ReportState.ACCEPTED, _CASE_CLOSED),
)
_SHOWN: Select[*tuple[Any, ...]] = (
    select(
        Report.number, Report.category, Report.state, Report.unit, Report.area, Report.latitude, Report.longitude,
        Report.received_at, Report.updated_at, Report.decided_at, Report.closed_at, Report.due_at, _CASE_CLOSED,
        CaseStanding.outcome, CaseStanding.closed_at, CaseStanding.expected_at,
    )
    .outerjoin(CaseStanding, CaseStanding.number == Report.number)
    .where(_PUBLIC)
)  # fmt: skip
_NAMED = _SHOWN.where(Report.number == any_(_NUMBERS)).order_by(Report.received_at.desc(), Report.number.desc())


@lru_cache(maxsize=4)
def _listed(over: bool | None) -> Select[*tuple[Any, ...]]:
    found = _SHOWN.where(Report.unit.like(_UNIT), Report.received_at >= _START, Report.received_at < _END)
    if over is not None:
        found = found.where(_OVER if over else not_(_OVER))
    return found.order_by(Report.received_at.desc(), Report.number.desc()).offset(_SKIP).limit(_LIMIT)


async def listed(connection: Connection, span: Span, over: bool | None) -> list[Shown]:
    """Return public matters of a unit pattern, newest first; only those that are over, or that are not, if so asked."""
    parameters = {**span._asdict(), **({} if over is None else {"over": [int(each) for each in OVER]})}
    return [Shown(*row) for row in await connection.execute(_listed(over), parameters)]


async def named(connection: Connection, numbers: Sequence[str], categories: Sequence[str]) -> list[Shown]:
    """Return those of these matters that are public, newest first."""
    parameters = {"numbers": list(numbers), "categories": list(categories)}
    return [Shown(*row) for row in await connection.execute(_NAMED, parameters)]


_BY_REPORT, _BY_CASE = literal_column("0", Integer), literal_column("1", Integer)
_DECIDED = select(Report.number.label("number"), Report.decided_at.label("at"), _BY_REPORT.label("over")).where(
    _PUBLIC, Report.unit.like(_UNIT), Report.decided_at >= _START, Report.decided_at < _END
)
_CLOSED = (
    select(Report.number, CaseStanding.closed_at, _BY_CASE)
    .join(CaseStanding, CaseStanding.number == Report.number)
    .where(
        _PUBLIC, Report.unit.like(_UNIT), Report.state == ReportState.ACCEPTED, CaseStanding.closed,
        CaseStanding.closed_at >= _START, CaseStanding.closed_at < _END,
    )
)  # fmt: skip
_ENDED = select(Report.number, Report.closed_at, _BY_REPORT).where(
    _PUBLIC, Report.unit.like(_UNIT), Report.state == ReportState.CLOSED, Report.decided_at.is_(null()),
    Report.closed_at >= _START, Report.closed_at < _END,
)  # fmt: skip
_BECAME = union_all(_DECIDED, _CLOSED, _ENDED).subquery("became")
_UPDATES = (
    select(_BECAME.c.number, _BECAME.c.at, _BECAME.c.over)
    .order_by(_BECAME.c.at, _BECAME.c.number, _BECAME.c.over)
    .offset(_SKIP)
    .limit(_LIMIT)
)  # fmt: skip


async def updates(connection: Connection, span: Span) -> list[Became]:
    """Return what became of public matters of a unit pattern, oldest first."""
    return [Became(number, at, bool(over)) for number, at, over in await connection.execute(_UPDATES, span._asdict())]
