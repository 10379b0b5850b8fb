"""Statements of series, meetings, agendas and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache

import asyncpg
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    distinct,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from casework import names
from casework.door.triage import Grade
from casework.errors import CaseError, Reason
from casework.supervision.meetings.meeting import AgendaReason, DecisionState, MeetingState
from services.escalation.meetings.models import AgendaItem, Meeting, MeetingDecision, MeetingSeries
from services.escalation.models import Holding, Matter
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection

RESPONSIBLE = "responsible"
"""The role in which an official holds a decision."""
_NUMBER, _UNIT = bindparam("number", type_=Text), bindparam("unit", type_=Text)
_SERIES = bindparam("series", type_=Text)
_BEHIND, _LIMIT = bindparam("behind", type_=Text), bindparam("limit", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))

_PERIODS = select(Meeting.period).where(Meeting.series == _SERIES)
_OF_PERIOD = select(Meeting).where(Meeting.series == _SERIES, Meeting.period == bindparam("period"))
_ITEMS = (
    select(AgendaItem)
    .where(AgendaItem.number == _NUMBER, AgendaItem.item > bindparam("after"))
    .order_by(AgendaItem.item)
    .limit(_LIMIT)
)
_OPEN = (
    select(MeetingDecision.number, func.count())
    .where(MeetingDecision.number == any_(bindparam("numbers", type_=ARRAY(Text))), MeetingDecision.done_at.is_(None))
    .group_by(MeetingDecision.number)
)


async def add_series(connection: Connection, number: str, unit: str, **columns: object) -> MeetingSeries:
    """Store a new series and return its row; ALREADY_EXISTS if the unit has a running one."""
    try:
        return await rows.insert(connection, MeetingSeries, number=number, unit=unit, **columns)
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.unit_name(unit)) from None


async def series(connection: Connection, number: str) -> MeetingSeries:
    """Return a series; NOT_FOUND where there is none."""
    return await rows.get(connection, MeetingSeries, names.file_name(number), number=number)


async def end_series(connection: Connection, number: str, at: datetime) -> MeetingSeries:
    """End a series and return its row."""
    return await rows.update(connection, MeetingSeries, {"number": number}, ended_at=at)


@lru_cache(maxsize=2)
def _listed_series(only_open: bool) -> Select[MeetingSeries]:
    found = select(MeetingSeries).where(MeetingSeries.unit.like(_UNIT), MeetingSeries.number > _BEHIND)
    if only_open:
        found = found.where(MeetingSeries.ended_at.is_(None))
    return found.order_by(MeetingSeries.number).limit(_LIMIT)


async def listed_series(
    connection: Connection, unit: str, behind: str, limit: int, *, only_open: bool
) -> Sequence[MeetingSeries]:
    """Return series of units of the pattern, by name."""
    return await connection.execute(_listed_series(only_open), {"unit": unit, "behind": behind, "limit": limit})


async def periods(connection: Connection, series: str) -> set[str]:
    """Return the periods of a series that have a meeting."""
    return {period for (period,) in await connection.execute(_PERIODS, {"series": series})}


async def of_period(connection: Connection, series: str, period: str) -> Meeting | None:
    """Return the meeting of a period, None where there is none."""
    return (await connection.execute(_OF_PERIOD, {"series": series, "period": period})).first()


async def prepare(connection: Connection, number: str, **columns: object) -> Meeting:
    """Store a meeting and return its row."""
    return await rows.insert(connection, Meeting, number=number, state=MeetingState.PREPARED, **columns)


async def meeting(connection: Connection, number: str) -> Meeting:
    """Return a meeting; NOT_FOUND where there is none."""
    return await rows.get(connection, Meeting, names.file_name(number), number=number)


async def change(connection: Connection, number: str, **columns: object) -> Meeting:
    """Change columns of a meeting and return its new row."""
    return await rows.update(connection, Meeting, {"number": number}, **columns)


@lru_cache(maxsize=2)
def _listed(only_open: bool) -> Select[Meeting]:
    place = tuple_(Meeting.prepared_at, Meeting.number)
    found = select(Meeting).where(Meeting.unit.like(_UNIT), place < tuple_(_AT, _BEHIND))
    if only_open:
        found = found.where(Meeting.state != MeetingState.CLOSED)
    return found.order_by(Meeting.prepared_at.desc(), Meeting.number.desc()).limit(_LIMIT)


async def listed(
    connection: Connection, unit: str, behind: tuple[datetime, str], limit: int, *, only_open: bool
) -> Sequence[Meeting]:
    """Return meetings of units of the pattern, newest first."""
    parameters = {"unit": unit, "at": behind[0], "behind": behind[1], "limit": limit}
    return await connection.execute(_listed(only_open), parameters)


async def items(connection: Connection, number: str, behind: int, limit: int) -> Sequence[AgendaItem]:
    """Return items of an agenda, in order."""
    return await connection.execute(_ITEMS, {"number": number, "after": behind, "limit": limit})


async def has_item(connection: Connection, number: str, item: int) -> bool:
    """Return whether a meeting's agenda has an item with this number."""
    return bool(await rows.find(connection, AgendaItem, number=number, item=item))


async def add_decision(connection: Connection, number: str, **columns: object) -> MeetingDecision:
    """Store a decision under the number that `next_decision` gave, and return its row."""
    return await rows.insert(connection, MeetingDecision, number=number, state=DecisionState.OPEN, **columns)


async def next_decision(connection: Connection, number: str) -> int:
    """Return the next decision's number in a locked meeting."""
    return await rows.next_of(connection, MeetingDecision.decision, number=number)


async def decision(connection: Connection, number: str, decision: int) -> MeetingDecision:
    """Return a decision; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/decisions/{decision}"
    return await rows.get(connection, MeetingDecision, name, number=number, decision=decision)


async def change_decision(connection: Connection, row: MeetingDecision, **columns: object) -> MeetingDecision:
    """Change columns of a decision and return its new row."""
    key = {"number": row.number, "decision": row.decision}
    return await rows.update(connection, MeetingDecision, key, **columns)


async def open_decisions(connection: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return how many decisions of each of these meetings are not yet done; meetings without any are left out."""
    return dict(iter(await connection.execute(_OPEN, {"numbers": list(numbers)})))


@lru_cache(maxsize=4)
def _listed_decisions(only_open: bool, of_meeting: bool) -> Select[MeetingDecision, str | None]:
    # One whose clock is paused without an end comes last.
    place = (func.coalesce(MeetingDecision.due_at, NEVER), MeetingDecision.number, MeetingDecision.decision)
    held = and_(
        Holding.number == MeetingDecision.number,
        Holding.subject == literal("decisions/").concat(cast(MeetingDecision.decision, Text)),
        Holding.role == RESPONSIBLE,
        Holding.until.is_(None),
    )
    found = (
        select(MeetingDecision, Holding.official)
        .outerjoin(Holding, held)
        .where(
            or_(MeetingDecision.unit.like(_UNIT), MeetingDecision.meeting_unit.like(_UNIT)),
            tuple_(*place) > tuple_(_AT, _BEHIND, bindparam("decision", type_=Integer)),
        )
    )
    if only_open:
        found = found.where(MeetingDecision.done_at.is_(None))
    if of_meeting:
        found = found.where(MeetingDecision.number == _NUMBER)
    return found.order_by(*place).limit(_LIMIT)


async def listed_decisions(
    connection: Connection, unit: str, number: str, behind: tuple[datetime, str, int], limit: int, *, only_open: bool
) -> Sequence[tuple[MeetingDecision, str | None]]:
    """Return decisions of meetings of units of the pattern, or that such a unit carries out, first due first.

    Each comes with its responsible official.
    """
    due, last, decision = behind
    parameters = {"unit": unit, "number": number, "at": due, "behind": last, "decision": decision, "limit": limit}
    return await connection.execute(_listed_decisions(only_open, bool(number)), parameters)


_HIGH = tuple(Grade).index(Grade.high) + 1
_TODAY = bindparam("today", type_=Date)


def _name(number: InstrumentedAttribute[str]) -> ColumnElement[str]:
    return func.regexp_replace(number, "-", "/", type_=Text)


def _matters(reason: AgendaReason, *holds: ColumnElement[bool]) -> Select[str, str, int, date | None]:
    """Return the matters in a unit's ledger that fulfil this condition."""
    return select(
        _name(Matter.number).label("subject"),
        func.coalesce(func.nullif(Matter.unit, ""), Matter.keeper).label("unit"),
        cast(literal(int(reason)), SmallInteger).label("reason"),
        Matter.due_on.label("due_on"),
    ).where(Matter.keeper == _UNIT, Matter.struck_off_at.is_(None), *holds)


_STUCK = func.coalesce(Matter.progress_at, Matter.registered_at) < bindparam("stuck", type_=DateTime(timezone=True))
_SOURCES = {
    AgendaReason.OVERDUE: _matters(AgendaReason.OVERDUE, Matter.due_on < _TODAY),
    AgendaReason.HIGH_GRADE: _matters(AgendaReason.HIGH_GRADE, Matter.grade == _HIGH),
    AgendaReason.STUCK: _matters(AgendaReason.STUCK, _STUCK),
    AgendaReason.RETURNED: _matters(AgendaReason.RETURNED, Matter.returned >= bindparam("times", type_=Integer)),
    AgendaReason.OPEN_ITEM: select(
        _name(MeetingDecision.number)
        .concat("/decisions/")
        .concat(cast(MeetingDecision.decision, Text))
        .label("subject"),
        MeetingDecision.unit.label("unit"),
        cast(literal(int(AgendaReason.OPEN_ITEM)), SmallInteger).label("reason"),
        cast(func.timezone("Asia/Shanghai", MeetingDecision.due_at), Date).label("due_on"),
    ).where(
        MeetingDecision.meeting_unit == _UNIT,
        MeetingDecision.done_at.is_(None),
        MeetingDecision.state != DecisionState.DONE,
    ),
}
"""The source of each reason for an agenda item."""


@lru_cache(maxsize=16)
def _draw(*reasons: AgendaReason) -> Select[int]:
    """Return the statement that draws an agenda for these reasons and returns how many items there are."""
    found = union_all(*(_SOURCES[each] for each in reasons)).subquery("found").c
    items = (
        select(
            found.subject,
            func.min(found.unit).label("unit"),
            func.min(found.due_on).label("due_on"),
            func.array_agg(aggregate_order_by(distinct(found.reason), found.reason)).label("reasons"),
        )
        .group_by(found.subject)
        .subquery("items")
        .c
    )
    order = (func.cardinality(items.reasons).desc(), items.due_on.nulls_last(), items.subject)
    drawn = (
        insert(AgendaItem)
        .from_select(
            ["number", "item", "subject", "unit", "reasons", "due_on"],
            select(
                _NUMBER,
                func.row_number().over(order_by=order),
                items.subject,
                items.unit,
                items.reasons,
                items.due_on,
            ),
        )
        .returning(AgendaItem.item)
        .cte("drawn")
    )
    return select(func.count()).select_from(drawn)


async def draw(connection: Connection, reasons: Sequence[AgendaReason], parameters: Mapping[str, object]) -> int:
    """Draw the agenda of a meeting, items with most reasons first, and return how many there are."""
    return await connection.scalar(_draw(*reasons), parameters) or 0
