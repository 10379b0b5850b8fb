"""What goes on an agenda: one statement draws it, from the ledger and from what earlier meetings decided.

The only place of the meetings that knows the ledger's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    cast,
    distinct,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from casework.clocks.calendar import LOCAL, Calendar
from casework.door.triage import Grade
from casework.supervision.meetings.meeting import AgendaReason, DecisionState
from casework.supervision.meetings.period import AgendaRule
from services.escalation.meetings.models import AgendaItem, MeetingDecision
from services.escalation.models import Matter
from services.kit.storage.database import Connection

_HIGH = tuple(Grade).index(Grade.high) + 1
_UNIT, _TODAY = bindparam("unit", type_=Text), bindparam("today", type_=Date)


def _name(number: InstrumentedAttribute[str]) -> ColumnElement[str]:
    return func.regexp_replace(number, "-", "/", type_=Text)


def _matters(reason: AgendaReason, *holds: ColumnElement[bool]) -> Select[str, str, int, date | None]:
    """Return those matters of the ledger of a unit of which this holds."""
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
"""Where each reason finds what it puts on the agenda; another source is another line here."""


@lru_cache(maxsize=16)
def _draw(*reasons: AgendaReason) -> Select[int]:
    """Return the statement that draws an agenda for these reasons; it answers how many items there are."""
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
                bindparam("number", type_=Text),
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


async def draw(
    connection: Connection, number: str, unit: str, rules: Sequence[AgendaRule], now: datetime, calendar: Calendar
) -> int:
    """Draw the agenda of a meeting of this unit, what has most reasons first, and return how many items it has."""
    threshold = {each.reason: each.n for each in rules}
    today = now.astimezone(LOCAL).date()
    parameters: dict[str, Any] = {
        "number": number,
        "unit": unit,
        "today": today,
        "stuck": _midnight(calendar.nth_before(today, threshold.get(AgendaReason.STUCK, 1))),
        "times": threshold.get(AgendaReason.RETURNED, 0),
    }
    return await connection.scalar(_draw(*(each.reason for each in rules)), parameters) or 0


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)
