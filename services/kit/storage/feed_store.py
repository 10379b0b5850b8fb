"""Statements of the feed: ranges of it, of all, of a case or of a unit; positions of its consumers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Integer, Text, bindparam, func, join, not_, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from services.kit.storage.database import Connection, Database
from services.kit.storage.models import NOW, Consumer, Event, FeedPlace


class Told(NamedTuple):
    """An event as in the feed; position 0 if it has none yet."""

    position: int
    number: str
    seq: int
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    payload: Any
    hash: bytes
    wakes: bool
    trace_parent: str
    unit: str
    bulk: bool


# Parameters of several statements, each with its type.
_NUMBER = bindparam("number", type_=Text)
_AFTER = bindparam("after", type_=BigInteger)
_UNIT = bindparam("unit", type_=Text)
_LIMIT = bindparam("limit", type_=Integer)
_IN_STRETCH = (FeedPlace.position > _AFTER, FeedPlace.position <= bindparam("to", type_=BigInteger))
# From a range of the feed to its events, one by one: readers at the end of the feed ask for a few. Left to choose,
# the planner assumes that the unit is rare and reads every event, every time.
_ONE_BY_ONE = aliased(Event, select(Event).where(Event.id == FeedPlace.event_id).offset(0).lateral("events"))


def _columns(event: type[Event]) -> Sequence[Any]:
    return [getattr(event, name) for name in Told._fields[1:]]


_STRETCH = join(FeedPlace, _ONE_BY_ONE, true())
_OF_UNITS = (*_IN_STRETCH, _ONE_BY_ONE.unit.like(_UNIT))
_READ = (
    select(FeedPlace.position, *_columns(_ONE_BY_ONE))
    .select_from(_STRETCH)
    .where(*_OF_UNITS)
    .order_by(FeedPlace.position)
)  # fmt: skip
_READ_LANE = _READ.where(
    _ONE_BY_ONE.bulk == bindparam("bulk"), or_(_ONE_BY_ONE.wakes, not_(bindparam("waking", type_=Boolean)))
).limit(_LIMIT)
_READ_NAMES = (
    select(func.max(FeedPlace.position), _ONE_BY_ONE.number, func.max(_ONE_BY_ONE.seq))
    .select_from(_STRETCH)
    .where(*_OF_UNITS)
    .group_by(_ONE_BY_ONE.number)
    .order_by(func.max(FeedPlace.position))
)
_PLACED = select(FeedPlace.position, *_columns(Event)).join(Event, Event.id == FeedPlace.event_id)
_READ_CASE = _PLACED.where(Event.number == _NUMBER, *_IN_STRETCH).order_by(FeedPlace.position)
_OF_UNIT = _PLACED.where(FeedPlace.position > _AFTER, Event.unit.like(_UNIT)).order_by(FeedPlace.position).limit(_LIMIT)
_OF_CASE = (
    select(func.coalesce(FeedPlace.position, 0), *_columns(Event))
    .select_from(Event)
    .outerjoin(FeedPlace, FeedPlace.event_id == Event.id)
    .where(Event.number == _NUMBER, Event.seq > _AFTER)
    .order_by(Event.seq)
    .limit(_LIMIT)
)
_WHOLE = select(Event).where(Event.number == _NUMBER).order_by(Event.seq)
_HASH = (
    select(Event.hash)
    .join(FeedPlace, FeedPlace.event_id == Event.id)
    .where(FeedPlace.position == bindparam("position"))
)  # fmt: skip
_CONSUMER = select(Consumer).where(Consumer.name == bindparam("name"))
_ASKED = insert(Consumer).values({name: bindparam(name) for name in ("name", "position", "owner")})
_ACKNOWLEDGE = _ASKED.on_conflict_do_update(
    index_elements=[Consumer.name],
    set_={
        "position": func.greatest(Consumer.position, _ASKED.excluded.position),
        "acknowledged_at": NOW,
        "owner": func.coalesce(func.nullif(Consumer.owner, ""), _ASKED.excluded.owner),
    },
    where=or_(bindparam("machine", type_=Boolean), Consumer.owner == "", Consumer.owner == _ASKED.excluded.owner),
).returning(Consumer.position)


async def of_case(connection: Connection, number: str, after: int, limit: int) -> list[Told]:
    """Return events of a case in order, after this number in it; also those without a position yet."""
    rows = await connection.execute(_OF_CASE, {"number": number, "after": after, "limit": limit})
    return list(map(Told._make, rows))


async def whole(connection: Connection, number: str) -> Sequence[Event]:
    """Return all events of a case in order, with what its chain is computed from."""
    return await connection.execute(_WHOLE, {"number": number})


async def of_unit(connection: Connection, unit: str, after: int, limit: int) -> list[Told]:
    """Return events of a unit pattern, after this position."""
    rows = await connection.execute(_OF_UNIT, {"unit": unit, "after": after, "limit": limit})
    return list(map(Told._make, rows))


async def stretch_of_case(connection: Connection, number: str, after: int, to: int) -> list[Told]:
    """Return the events of a case in a range of the feed."""
    return list(map(Told._make, await connection.execute(_READ_CASE, {"number": number, "after": after, "to": to})))


async def stretch(connection: Connection, unit: str, after: int, to: int) -> list[Told]:
    """Return the events of a unit pattern in a range of the feed."""
    return list(map(Told._make, await connection.execute(_READ, {"unit": unit, "after": after, "to": to})))


async def lane(
    connection: Connection, unit: str, after: int, to: int, limit: int, *, bulk: bool, waking: bool
) -> list[Told]:
    """Return the events of one lane in a range of the feed; with `waking` only those that wake a workflow."""
    parameters = {"unit": unit, "after": after, "to": to, "limit": limit, "bulk": bulk, "waking": waking}
    return list(map(Told._make, await connection.execute(_READ_LANE, parameters)))


async def names(connection: Connection, unit: str, after: int, to: int) -> Sequence[tuple[int, str, int]]:
    """Return position, case and number of the last event of each case in a range of the feed."""
    return await connection.execute(_READ_NAMES, {"unit": unit, "after": after, "to": to})


async def hash_at(connection: Connection, position: int) -> bytes | None:
    """Return the hash of the event at a position; None where there is none."""
    return await connection.scalar(_HASH, {"position": position})


async def consumer(connection: Connection, name: str) -> Consumer | None:
    """Return a consumer; None if nobody has acknowledged under its name."""
    return (await connection.execute(_CONSUMER, {"name": name})).first()


async def acknowledge(connection: Connection, name: str, position: int, owner: str, *, machine: bool) -> int | None:
    """Store the position of a consumer, never an earlier one; None if it belongs to somebody else."""
    parameters = {"name": name, "position": position, "owner": owner, "machine": machine}
    return await connection.scalar(_ACKNOWLEDGE, parameters)


class Held(NamedTuple):
    """Events of a feed in order, and the position up to which these are all."""

    rows: list[Told]
    to: int


class Tail:
    """The newest events of a feed, read once for all who follow it to its end.

    What has a position does not change, so that what was read once is as good as the table.
    """

    def __init__(self, database: Database, end: Callable[[], int], size: int = 1000) -> None:
        self._database = database
        self._end = end
        self._size = size
        self._rows: deque[Told] = deque(maxlen=size)
        self._first = self._last = -1
        self._reading = asyncio.Lock()

    async def since(self, position: int) -> Held | None:
        """Return all events after a position; None if they are more than are held, or the feed ends before it."""
        if self._end() - position > self._size:
            return None
        async with self._reading:
            if self._last != self._end():
                await self._read_on(self._end())
        if not self._first <= position <= self._last:
            return None
        rows = list(takewhile(lambda row: row.position > position, reversed(self._rows)))
        return Held(rows[::-1], self._last)

    async def _read_on(self, end: int) -> None:
        """Read on to the end of the feed; anew if it is far away, or earlier than it was, as after a restore."""
        if not 0 <= end - self._last <= self._size:
            self._rows.clear()
            self._first = self._last = max(end - self._size, 0)
        async with self._database.read() as connection:
            self._rows.extend(await stretch(connection, "%", self._last, end))
        self._first, self._last = max(self._first, end - self._size), end
