"""Statements over the clocks of a service: gauges, what is overdue to fire, verification; and stored calendars."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Integer, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from services.kit.clocks.models import LIVE, Clock, ClockCalendar, ClockRung, ClockState
from services.kit.storage.database import Connection

_COUNTS = (
    select(
        Clock.state, Clock.calendar, Clock.region, func.count(),
        func.min(Clock.next_at).filter(Clock.next_at <= bindparam("now", type_=DateTime(timezone=True))),
    )
    .where(Clock.state.in_(LIVE))
    .group_by(Clock.state, Clock.calendar, Clock.region)
)  # fmt: skip
_DUE = (
    select(Clock.number, Clock.next_at)
    .where(Clock.state.in_(LIVE), Clock.next_at <= bindparam("by", type_=DateTime(timezone=True)))
    .order_by(Clock.next_at, Clock.id)
    .limit(bindparam("limit", type_=Integer))
    .subquery("oldest")
)
_OLDEST = (
    select(func.min(_DUE.c.next_at), _DUE.c.number)
    .group_by(_DUE.c.number)
    .order_by(func.min(_DUE.c.next_at), _DUE.c.number)
)
_ROWS = select(Clock).where(Clock.id > bindparam("after")).order_by(Clock.id).limit(bindparam("limit", type_=Integer))
_FIRED = select(ClockRung.clock, ClockRung.rung).where(ClockRung.clock == any_(bindparam("clocks", type_=ARRAY(Text))))
_KEPT = select(ClockCalendar.version).where(ClockCalendar.version == any_(bindparam("versions", type_=ARRAY(Text))))
_KEEP = (
    insert(ClockCalendar)
    .values(version=bindparam("version"), content=bindparam("content"))
    .on_conflict_do_nothing(index_elements=[ClockCalendar.version])
)
_GET = select(ClockCalendar.content).where(ClockCalendar.version == bindparam("version"))


async def counts(connection: Connection, now: datetime) -> Sequence[tuple[ClockState, str, str, int, datetime | None]]:
    """Return by state, calendar and region how many clocks run, and the oldest rung that is due and not fired."""
    return await connection.execute(_COUNTS, {"now": now})


async def oldest(connection: Connection, by: datetime, limit: int) -> list[tuple[datetime, str]]:
    """Return the cases of at most this many clocks with rungs due by an instant, each with its earliest, in order."""
    return await connection.execute(_OLDEST, {"by": by, "limit": limit})


async def page(connection: Connection, after: str, limit: int) -> list[Clock]:
    """Return clocks by id, after one."""
    return await connection.execute(_ROWS, {"after": after, "limit": limit})


async def fired(connection: Connection, clocks: Sequence[str]) -> set[tuple[str, str]]:
    """Return the rungs of clocks that have fired."""
    return set(await connection.execute(_FIRED, {"clocks": clocks}))


async def kept_calendars(connection: Connection, versions: Collection[str]) -> set[str]:
    """Return which versions of calendars are stored."""
    return {version for (version,) in await connection.execute(_KEPT, {"versions": list(versions)})}


async def keep_calendar(connection: Connection, version: str, content: Mapping[str, Any]) -> None:
    """Store a calendar, once."""
    await connection.execute(_KEEP, {"version": version, "content": content})


async def calendar(connection: Connection, version: str) -> dict[str, Any] | None:
    """Return the content of a stored calendar; None where it was never stored."""
    return await connection.scalar(_GET, {"version": version})
