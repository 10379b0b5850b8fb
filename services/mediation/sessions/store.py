"""SQL of rooms, sessions, attendance and records: the only place that knows these tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.session import SessionState
from services.kit.storage.database import Connection, text

_ADD_ROOM = text("""
    INSERT INTO rooms (room, unit, kind, display_name, capacity, accessible, updated_at)
    VALUES (:room, :unit, :kind, :display_name, :capacity, :accessible, :at)
    ON CONFLICT (room) DO NOTHING RETURNING *
""")
_ROOM = "SELECT * FROM rooms WHERE room = :room"
_ROOMS = text("""
    SELECT * FROM rooms WHERE unit LIKE :unit AND room > :behind AND closed_at IS NULL ORDER BY room LIMIT :limit
""")
_CLOSE_ROOM = text("""
    UPDATE rooms SET closed_at = coalesce(closed_at, :at), version = version + 1, updated_at = :at
    WHERE room = :room RETURNING *
""")
# Beginning and end come as columns of their own: what reads a row need not know of ranges.
_COLUMNS = "*, lower(during) AS start_at, upper(during) AS end_at"
_ADD = text(f"""
    INSERT INTO sessions (number, session, kind, venue, room, during, state, parties, language, interpreter, sealed,
                          scheduled_by, updated_at)
    SELECT :number, coalesce(max(session), 0) + 1, CAST(:kind AS smallint), CAST(:venue AS smallint),
           CAST(:room AS text), tstzrange(CAST(:start_at AS timestamptz), CAST(:end_at AS timestamptz)), 1,
           CAST(:parties AS integer[]), CAST(:language AS text), CAST(:interpreter AS boolean), CAST(:sealed AS bytea),
           CAST(:scheduled_by AS text), CAST(:at AS timestamptz)
    FROM sessions WHERE number = :number
    RETURNING {_COLUMNS}
""")
_GET = text(f"SELECT {_COLUMNS} FROM sessions WHERE number = :number AND session = :session")
_OF_CASE = text(f"SELECT {_COLUMNS} FROM sessions WHERE number = :number ORDER BY session")
_ATTEND = text("""
    INSERT INTO attendances (number, session, role, party, ordinal, presence, arrived_at, left_at, sealed)
    VALUES (:number, :session, :role, :party, :ordinal, :presence, :arrived_at, :left_at, :sealed)
    ON CONFLICT (number, session, role, party, ordinal) DO UPDATE
    SET presence = excluded.presence, arrived_at = excluded.arrived_at, left_at = excluded.left_at,
        sealed = coalesce(excluded.sealed, attendances.sealed)
""")
_ATTENDANCES = text("SELECT * FROM attendances WHERE number = :number ORDER BY session, role, party, ordinal")
_WISH = text("""
    INSERT INTO joint_wishes (number, party, wished, recorded_at, recorded_by)
    VALUES (:number, :party, :wished, :at, :by)
""")
_WRITE = text("""
    INSERT INTO session_records (number, session, record, sealed, written_by, written_at)
    SELECT :number, CAST(:session AS integer), coalesce(max(record), 0) + 1, CAST(:sealed AS bytea),
           CAST(:by AS text), CAST(:at AS timestamptz)
    FROM session_records WHERE number = :number AND session = CAST(:session AS integer)
    RETURNING *
""")
_RECORDS = text("""
    SELECT DISTINCT ON (session) number, session, record, sealed, written_by, written_at
    FROM session_records WHERE number = :number ORDER BY session, record DESC
""")
_SIGN = text("""
    INSERT INTO record_signatures (number, session, record, role, party, read_back, manner, language, signed_at,
                                   recorded_by)
    VALUES (:number, :session, :record, :role, :party, :read_back, :manner, :language, :at, :by)
    ON CONFLICT DO NOTHING RETURNING true
""")
_SIGNATURES = text("SELECT * FROM record_signatures WHERE number = :number ORDER BY signed_at, role, party")
_BREAK_OFF = text("""
    UPDATE sessions SET state = CASE state WHEN 1 THEN CAST(:cancelled AS smallint) ELSE CAST(:broken AS smallint) END,
        ended_at = :at, version = version + 1, updated_at = :at
    WHERE number = :number AND state = ANY(:states) RETURNING session, state
""")


async def add_room(connection: Connection, room: Mapping[str, Any]) -> Any:
    """Store a room and return its row; ALREADY_EXISTS where its name has one."""
    row = (await connection.execute(_ADD_ROOM, room)).first()
    if row is None:
        raise CaseError(Reason.ALREADY_EXISTS, names.room_name(room["room"]))
    return row


async def get_room(connection: Connection, room: str, *, lock: bool = False) -> Any:
    """Return a room's row; NOT_FOUND where there is none."""
    row = (await connection.execute(text(_ROOM + (" FOR UPDATE" if lock else "")), {"room": room})).first()
    return _found(row, names.room_name(room))


async def list_rooms(connection: Connection, unit: str, behind: str, limit: int) -> Sequence[Any]:
    """Return the open rooms of a unit pattern, by name."""
    return await connection.execute(_ROOMS, {"unit": unit, "behind": behind, "limit": limit})


async def close_room(connection: Connection, room: str, at: datetime) -> Any:
    """Close a room and return its row."""
    return (await connection.execute(_CLOSE_ROOM, {"room": room, "at": at})).one()


async def add(connection: Connection, session: Mapping[str, Any]) -> Any:
    """Store a session under the next number of its locked case; ROOM_TAKEN where its room is, at that time."""
    try:
        return (await connection.execute(_ADD, session)).one()
    except asyncpg.ExclusionViolationError:
        # The database decides: two who ask at once cannot both be given the room.
        raise CaseError(Reason.ROOM_TAKEN, names.room_name(session["room"])) from None


async def get(connection: Connection, number: str, session: int) -> Any:
    """Return a session's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "session": session})).first()
    return _found(row, names.session_name(number, session))


async def of_case(connection: Connection, number: str) -> Sequence[Any]:
    """Return the sessions of a case, in order."""
    return await connection.execute(_OF_CASE, {"number": number})


async def change(connection: Connection, row: Any, at: datetime, **columns: Any) -> Any:
    """Change columns of a session, or none but its version, and return its new row."""
    sets = "".join(f"{name} = :{name}, " for name in columns)
    query = text(f"""UPDATE sessions SET {sets}version = version + 1, updated_at = :at
        WHERE number = :number AND session = :session RETURNING {_COLUMNS}""")
    return (await connection.execute(query, {"number": row.number, "session": row.session, "at": at, **columns})).one()


async def attend(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store who came; what was recorded of the same person before gives way."""
    await connection.execute(_ATTEND, rows)


async def attendances(connection: Connection, number: str) -> Sequence[Any]:
    """Return who came to the sessions of a case."""
    return await connection.execute(_ATTENDANCES, {"number": number})


async def wish(connection: Connection, number: str, party: int, wished: bool, at: datetime, by: str) -> None:
    """Store what a party wants of joint sessions."""
    await connection.execute(_WISH, {"number": number, "party": party, "wished": wished, "at": at, "by": by})


async def write_record(connection: Connection, row: Any, sealed: bytes, at: datetime, by: str) -> Any:
    """Store a new version of a session's record and return its row."""
    parameters = {"number": row.number, "session": row.session, "sealed": sealed, "at": at, "by": by}
    return (await connection.execute(_WRITE, parameters)).one()


async def records(connection: Connection, number: str) -> dict[int, Any]:
    """Return the newest record of each session of a case."""
    return {row.session: row for row in await connection.execute(_RECORDS, {"number": number})}


async def signatures(connection: Connection, number: str) -> Sequence[Any]:
    """Return every read-back and signature under the records of a case, of all their versions."""
    return await connection.execute(_SIGNATURES, {"number": number})


async def sign(connection: Connection, record: Any, at: datetime, by: str, **columns: Any) -> None:
    """Store a read-back or a signature; ALREADY_EXISTS where it is there."""
    key = {"number": record.number, "session": record.session, "record": record.record}
    if not await connection.scalar(_SIGN, {**key, "at": at, "by": by, **columns}):
        raise CaseError(Reason.ALREADY_EXISTS, f"{names.session_name(record.number, record.session)}/record")


async def break_off(connection: Connection, number: str, at: datetime, *, held: bool, coming: bool) -> Sequence[Any]:
    """Break off the sessions that are being held, cancel those to come; return which, with their new states."""
    states = {"cancelled": int(SessionState.CANCELLED), "broken": int(SessionState.BROKEN_OFF)}
    asked = {SessionState.SCHEDULED: coming, SessionState.OPEN: held}
    open_states = [int(state) for state, wanted in asked.items() if wanted]
    return await connection.execute(_BREAK_OFF, {"number": number, "at": at, "states": open_states, **states})


def _found(row: Any, name: str) -> Any:
    if row is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return row
