"""Statements of bookings of rooms."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg
from sqlalchemy import Boolean, Integer, Text, bindparam, or_, select, true

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.session import SessionState
from services.kit.serving.request.named import missing
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.sessions import During, Period, Room, RoomBooking, Session

IN_SESSION = 1
"""The purpose of a session, as in the contract."""


class Taken(NamedTuple):
    """A time for which a room is taken; `booking` is 0 for a session."""

    room: str
    display_name: str
    booking: int
    purpose: int
    during: Period


_ROOM, _UNIT = bindparam("room", type_=Text), bindparam("unit", type_=Text)
_DURING, _LIMIT = bindparam("during", type_=During), bindparam("limit", type_=Integer)
_TAKES = or_(Session.state == SessionState.SCHEDULED, Session.state == SessionState.OPEN)
_IN_SESSION = select(true()).where(Session.room == _ROOM, _TAKES, Session.during.op("&&")(_DURING)).limit(1)
_GET = (
    select(RoomBooking)
    .where(RoomBooking.room == _ROOM, RoomBooking.booking == bindparam("booking", type_=Integer))
    .with_for_update()
)
_WANTED = or_(bindparam("all", type_=Boolean), Room.room == _ROOM)
_SESSIONS = (
    select(Session.room, Room.display_name, Session.during)
    .join(Room, Room.room == Session.room)
    .where(Room.unit.like(_UNIT), _WANTED, _TAKES, Session.during.op("&&")(_DURING))
    .order_by(Session.room, Session.during)
    .limit(_LIMIT)
)
_BOOKINGS = (
    select(RoomBooking.room, Room.display_name, RoomBooking.booking, RoomBooking.purpose, RoomBooking.during)
    .join(Room, Room.room == RoomBooking.room)
    .where(Room.unit.like(_UNIT), _WANTED, RoomBooking.cancelled_at.is_(None), RoomBooking.during.op("&&")(_DURING))
    .order_by(RoomBooking.room, RoomBooking.during)
    .limit(_LIMIT)
)


async def book(connection: Connection, room: str, during: Period, purpose: int, at: datetime) -> RoomBooking:
    """Store a booking of a locked room; ROOM_TAKEN if it is taken at that time, by a session or another booking."""
    if await connection.scalar(_IN_SESSION, {"room": room, "during": during}):
        raise CaseError(Reason.ROOM_TAKEN, names.room_name(room))
    try:
        return await rows.add(
            connection, RoomBooking, "booking", {"room": room}, rows.PAGED, during=during, purpose=purpose, booked_at=at
        )
    except asyncpg.ExclusionViolationError:
        raise CaseError(Reason.ROOM_TAKEN, names.room_name(room)) from None


async def get(connection: Connection, room: str, booking: int, name: str) -> RoomBooking:
    """Return a booking, locked; NOT_FOUND if there is none."""
    row = (await connection.execute(_GET, {"room": room, "booking": booking})).first()
    if row is None:
        raise missing("name", name)
    return row


async def cancel(connection: Connection, row: RoomBooking, at: datetime) -> RoomBooking:
    """Cancel a booking and return its new row."""
    return await rows.update(connection, RoomBooking, {"room": row.room, "booking": row.booking}, cancelled_at=at)


async def taken(connection: Connection, unit: str, room: str, day: Period, limit: int) -> list[Taken]:
    """Return what rooms of a unit pattern are taken for within a day, by room and time; `room` empty for all."""
    key = {"unit": unit, "room": room, "all": not room, "during": day, "limit": limit}
    found = [
        Taken(name or "", title, 0, IN_SESSION, during)
        for name, title, during in await connection.execute(_SESSIONS, key)
    ]
    found += [Taken(*row) for row in await connection.execute(_BOOKINGS, key)]
    return sorted(found, key=lambda each: (each.room, each.during.start))[:limit]
