"""Statements of hand-overs and their items."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Date, DateTime, Integer, Select, Text, any_, bindparam, cast, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, insert

from casework import names
from casework.supervision.raising.handover import HandoverState
from services.escalation.raising.handovers.models import Handover, HandoverItem
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_UNIT = bindparam("unit", type_=Text)


class Summary(NamedTuple):
    """A hand-over in a list; `open` is how many of its items are not acknowledged."""

    number: str
    version: int
    state: HandoverState
    unit: str
    official: str
    successor: str
    overdue: bool
    created_at: datetime
    ended_at: datetime | None
    open: int


_GET = select(Handover).where(Handover.number == _NUMBER)
_ITEMS = select(HandoverItem).where(HandoverItem.number == _NUMBER).order_by(HandoverItem.item)
_OPEN_ITEMS = (
    select(func.count())
    .select_from(HandoverItem)
    .where(HandoverItem.number == _NUMBER, HandoverItem.acknowledged_at.is_(None))
)
_OPEN = select(Handover.number).where(
    Handover.unit == bindparam("unit"), Handover.official == bindparam("official"), Handover.state == HandoverState.OPEN
)
_FILE, _SUBJECT = bindparam("file", type_=Text), bindparam("subject", type_=Text)
_LAST = select(func.max(HandoverItem.item)).where(HandoverItem.number == _NUMBER).scalar_subquery()
# Only clocks of the unit's own subtree: an item of another unit has its name alone.
_CLOCKS = (
    select(
        func.jsonb_agg(
            aggregate_order_by(func.jsonb_build_array(Clock.id, Clock.rule, Clock.due_at), Clock.due_at, Clock.id)
        )
    )
    .where(
        Clock.number == _FILE,
        Clock.state.in_(LIVE),
        Clock.unit.like(_UNIT),
        or_(Clock.subject == _SUBJECT, Clock.subject.like(bindparam("below", type_=Text))),
    )
    .scalar_subquery()
)
_ADD = (
    insert(HandoverItem)
    .from_select(
        ["number", "item", "file", "subject", "role", "due_on", "clocks"],
        select(
            _NUMBER, func.coalesce(_LAST, 0) + 1, _FILE, _SUBJECT, bindparam("role", type_=Text),
            bindparam("due_on", type_=Date), func.coalesce(_CLOCKS, cast(cast("[]", Text), JSONB)),
        ),
    )
    .on_conflict_do_nothing(index_elements=[HandoverItem.number, HandoverItem.subject, HandoverItem.role])
)  # fmt: skip
_ACKNOWLEDGE = (
    update(HandoverItem)
    .where(
        HandoverItem.number == _NUMBER,
        HandoverItem.item == any_(bindparam("items", type_=ARRAY(Integer))),
        HandoverItem.acknowledged_at.is_(None),
    )
    .values(acknowledged_at=_AT)
)
_MOVED = (
    update(HandoverItem)
    .where(HandoverItem.number == _NUMBER, HandoverItem.item == bindparam("item"))
    .values(moved_at=_AT)
)  # fmt: skip
_STILL_OPEN = (
    select(func.count())
    .where(HandoverItem.number == Handover.number, HandoverItem.acknowledged_at.is_(None))
    .correlate(Handover)
    .scalar_subquery()
)


@lru_cache(maxsize=2)
def _listed(only_open: bool) -> Select[Any]:
    found = select(
        Handover.number, Handover.version, Handover.state, Handover.unit, Handover.official, Handover.successor,
        Handover.overdue, Handover.created_at, Handover.ended_at, _STILL_OPEN,
    ).where(Handover.unit.like(_UNIT), tuple_(Handover.created_at, Handover.number) > tuple_(_AT, _NUMBER))  # fmt: skip
    if only_open:
        found = found.where(Handover.state == HandoverState.OPEN)
    return found.order_by(Handover.created_at, Handover.number).limit(bindparam("limit", type_=Integer))


async def open_new(connection: Connection, number: str, **columns: object) -> Handover:
    """Store a hand-over and return its row."""
    return await rows.insert(connection, Handover, number=number, state=HandoverState.OPEN, **columns)


async def get(connection: Connection, number: str) -> Handover:
    """Return a hand-over; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def items(connection: Connection, number: str) -> Sequence[HandoverItem]:
    """Return the items of a hand-over, in order."""
    return await connection.execute(_ITEMS, {"number": number})


async def open_items(connection: Connection, number: str) -> int:
    """Return how many items are not acknowledged."""
    return await connection.scalar(_OPEN_ITEMS, {"number": number}) or 0


async def is_open(connection: Connection, unit: str, official: str) -> bool:
    """Return whether an official has an open hand-over for a unit."""
    return bool(await connection.scalar(_OPEN, {"unit": unit, "official": official}))


async def add(
    connection: Connection, number: str, subject: str, role: str, unit: str, due_on: date | None = None
) -> None:
    """Add an item with its open clocks as they are now; once."""
    parameters = {
        "number": number, "file": names.number_of(subject), "subject": subject, "role": role, "due_on": due_on,
        "unit": unit, "below": f"{subject}/%",
    }  # fmt: skip
    await connection.execute(_ADD, parameters)


async def acknowledge(connection: Connection, number: str, items: Collection[int], at: datetime) -> None:
    """Store that these items were acknowledged."""
    await connection.execute(_ACKNOWLEDGE, {"number": number, "items": sorted(items), "at": at})


async def moved(connection: Connection, row: HandoverItem, at: datetime) -> None:
    """Store that the successor holds an item now."""
    await connection.execute(_MOVED, {"number": row.number, "item": row.item, "at": at})


async def change(connection: Connection, number: str, **columns: object) -> Handover:
    """Change columns of a hand-over and return its new row."""
    return await rows.update(connection, Handover, {"number": number}, **columns)


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str], limit: int
) -> Sequence[Summary]:
    """Return hand-overs of units of the pattern with how many items are open, oldest first."""
    parameters = {"unit": unit, "at": behind[0], "number": behind[1], "limit": limit}
    return [Summary(*row) for row in await connection.execute(_listed(only_open), parameters)]
