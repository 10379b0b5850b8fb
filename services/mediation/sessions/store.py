"""Statements of rooms, sessions, attendance and records, and what they need to know of people and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import DateTime, Integer, SmallInteger, Text, any_, bindparam, case, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import load_only

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.choosing import PanelRole, PanelState
from casework.mediation.course import MediationState
from casework.mediation.session import SessionState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Numbered
from services.kit.storage.rows import not_found
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import PanelMember
from services.mediation.models.people import Party
from services.mediation.models.safeguards import Screening
from services.mediation.models.sessions import (
    Attendance,
    During,
    JointWish,
    Period,
    RecordRefusal,
    RecordSignature,
    Room,
    RoomBooking,
    Session,
    SessionRecord,
    TimeWish,
)

_NUMBER, _ROOM = bindparam("number", type_=Text), bindparam("room", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))

_ADD_ROOM = (
    upsert(Room)
    .values(
        {each: bindparam(each) for each in ("room", "unit", "kind", "display_name", "capacity", "accessible")},
    )
    .values(updated_at=_AT)
    .on_conflict_do_nothing(index_elements=[Room.room])
    .returning(Room)
)
_GET_ROOM = select(Room).where(Room.room == _ROOM)
_LOCK_ROOM = _GET_ROOM.with_for_update()
_ROOMS = (
    select(Room)
    .where(Room.unit.like(bindparam("unit")), Room.room > bindparam("behind"), Room.closed_at.is_(None))
    .order_by(Room.room)
    .limit(bindparam("limit", type_=Integer))
)
_BOOKED = (
    select(true())
    .where(
        RoomBooking.room == _ROOM, RoomBooking.cancelled_at.is_(None),
        RoomBooking.during.op("&&")(bindparam("during", type_=During)),
    )
    .limit(1)
)  # fmt: skip
_CLOSE_ROOM = (
    update(Room)
    .where(Room.room == _ROOM)
    .values(closed_at=func.coalesce(Room.closed_at, _AT), version=Room.version + 1, updated_at=_AT)
    .returning(Room)
)
_CAME = upsert(Attendance).values({each.name: bindparam(each.name) for each in Attendance.__table__.columns})
_ATTEND = _CAME.on_conflict_do_update(
    index_elements=list(Attendance.__table__.primary_key),
    set_={
        **{name: _CAME.excluded[name] for name in ("presence", "arrived_at", "left_at", "member")},
        "sealed": func.coalesce(_CAME.excluded.sealed, Attendance.sealed),
    },
)
_RECORDS = (
    select(SessionRecord)
    .ext(distinct_on(SessionRecord.session))
    .where(SessionRecord.number == _NUMBER)
    .order_by(SessionRecord.session, SessionRecord.record.desc())
)
_SIGN = (
    upsert(RecordSignature)
    .values({each.name: bindparam(each.name) for each in RecordSignature.__table__.columns})
    .on_conflict_do_nothing()
    .returning(RecordSignature.record)
)
_REFUSE = (
    upsert(RecordRefusal)
    .values({each.name: bindparam(each.name) for each in RecordRefusal.__table__.columns})
    .on_conflict_do_nothing()
    .returning(RecordRefusal.record)
)
_ASK_TIME = upsert(TimeWish).values({each.name: bindparam(each.name) for each in TimeWish.__table__.columns})
_ASK_TIME_AGAIN = _ASK_TIME.on_conflict_do_update(
    index_elements=list(TimeWish.__table__.primary_key),
    set_={name: _ASK_TIME.excluded[name] for name in ("times", "asked_at", "asked_by")},
).returning(TimeWish)
_STATE = Numbered(SessionState)
_BREAK_OFF = (
    update(Session)
    .where(Session.number == _NUMBER, Session.state == any_(bindparam("states", type_=ARRAY(SmallInteger))))
    .values(
        state=case(
            (Session.state == SessionState.SCHEDULED, literal(SessionState.CANCELLED, _STATE)),
            else_=literal(SessionState.BROKEN_OFF, _STATE),
        ),
        ended_at=_AT,
        version=Session.version + 1,
        updated_at=_AT,
    )
    .returning(Session.session, Session.state)
)
_UNIT = select(Case.unit).where(Case.number == _NUMBER)
_USER = bindparam("user", type_=Text)
_OF_A_DAY = (
    select(Session)
    .where(
        Session.number.in_(
            select(Mediation.number)
            .where(Mediation.mediator == _USER, Mediation.state == MediationState.MEDIATING)
            .union_all(
                select(PanelMember.number).where(
                    PanelMember.subject == _USER,
                    PanelMember.role == PanelRole.SECOND_MEDIATOR,
                    PanelMember.state == PanelState.ACCEPTED,
                )
            )
        ),
        Session.during.op("&&")(bindparam("during", type_=During)),
    )
    .order_by(func.lower(Session.during), Session.number, Session.session)
    .limit(200)
)


async def add_room(connection: Connection, room: Mapping[str, Any]) -> Room:
    """Store a room and return its row; ALREADY_EXISTS if its name is taken."""
    row = (await connection.execute(_ADD_ROOM, room)).first()
    if row is None:
        raise CaseError(Reason.ALREADY_EXISTS, names.room_name(room["room"]))
    return row


async def get_room(connection: Connection, room: str, *, lock: bool = False) -> Room:
    """Return a room's row; NOT_FOUND where there is none."""
    found = await connection.execute(_LOCK_ROOM if lock else _GET_ROOM, {"room": room})
    return not_found(found.first(), names.room_name(room))


async def is_booked(connection: Connection, room: str, during: Period) -> bool:
    """Return whether a locked room is booked for something other than a session at that time."""
    return bool(await connection.scalar(_BOOKED, {"room": room, "during": during}))


async def list_rooms(connection: Connection, unit: str, behind: str, limit: int) -> Sequence[Room]:
    """Return the open rooms of a unit pattern, by name."""
    return await connection.execute(_ROOMS, {"unit": unit, "behind": behind, "limit": limit})


async def close_room(connection: Connection, room: str, at: datetime) -> Room:
    """Close a room and return its row."""
    return (await connection.execute(_CLOSE_ROOM, {"room": room, "at": at})).one()


async def add(connection: Connection, number: str, **columns: object) -> Session:
    """Store a session under the next number of its locked case; ROOM_TAKEN if its room is taken at that time."""
    try:
        return await rows.add(
            connection, Session, "session", {"number": number}, state=SessionState.SCHEDULED, **columns
        )
    except asyncpg.ExclusionViolationError:
        # The database decides: of two simultaneous requests only one gets the room.
        raise CaseError(Reason.ROOM_TAKEN, names.room_name(str(columns["room"]))) from None


async def get(connection: Connection, number: str, session: int) -> Session:
    """Return a session's row; NOT_FOUND where there is none."""
    return await rows.get(connection, Session, names.session_name(number, session), number=number, session=session)


async def of_case(connection: Connection, number: str) -> Sequence[Session]:
    """Return the sessions of a case, in order."""
    return await rows.find(connection, Session, Session.session, number=number)


async def of_a_day(connection: Connection, user: str, during: Period) -> Sequence[Session]:
    """Return the sessions at that time in the mediations that a user conducts, of record or as second mediator."""
    return await connection.execute(_OF_A_DAY, {"user": user, "during": during})


async def change(connection: Connection, row: Session, at: datetime, **columns: object) -> Session:
    """Change columns of a session, or only its version, and return its new row."""
    key = {"number": row.number, "session": row.session}
    return await rows.update(connection, Session, key, **columns, updated_at=at)


async def attend(connection: Connection, came: Sequence[Mapping[str, Any]]) -> None:
    """Store who attended; an earlier entry for the same person is replaced."""
    await connection.execute(_ATTEND, came)


async def attendances(connection: Connection, number: str) -> Sequence[Attendance]:
    """Return who attended the sessions of a case."""
    order = Attendance.session, Attendance.role, Attendance.party, Attendance.ordinal
    return await rows.find(connection, Attendance, *order, number=number)


async def wish(connection: Connection, number: str, party: int, wished: bool, at: datetime, by: str) -> None:
    """Store whether a party wants joint sessions."""
    await rows.insert(
        connection, JointWish, number=number, party=party, wished=wished, recorded_at=at, recorded_by=by
    )  # fmt: skip


async def ask_time(
    connection: Connection, row: Session, party: int, times: Sequence[datetime], at: datetime, by: str
) -> TimeWish:
    """Store a party's request for another time for a session."""
    parameters = {
        "number": row.number, "session": row.session, "party": party, "times": list(times), "asked_at": at,
        "asked_by": by,
    }  # fmt: skip
    return (await connection.execute(_ASK_TIME_AGAIN, parameters)).one()


async def time_wishes(connection: Connection, number: str) -> Sequence[TimeWish]:
    """Return the requests for another time in a case, by session and party."""
    return await rows.find(connection, TimeWish, TimeWish.session, TimeWish.party, number=number)


async def write_record(connection: Connection, row: Session, sealed: bytes, at: datetime, by: str) -> SessionRecord:
    """Store a new version of a session's record and return its row."""
    key = {"number": row.number, "session": row.session}
    return await rows.add(connection, SessionRecord, "record", key, sealed=sealed, written_by=by, written_at=at)


async def records(connection: Connection, number: str) -> dict[int, SessionRecord]:
    """Return the newest record of each session of a case."""
    return {row.session: row for row in await connection.execute(_RECORDS, {"number": number})}


async def signatures(connection: Connection, number: str) -> Sequence[RecordSignature]:
    """Return every read-back and signature under the records of a case, of all their versions."""
    order = RecordSignature.signed_at, RecordSignature.role, RecordSignature.party
    return await rows.find(connection, RecordSignature, *order, number=number)


async def sign(
    connection: Connection, record: SessionRecord, at: datetime, by: str, *, member: int = 0, **columns: object
) -> None:
    """Store a read-back or a signature; ALREADY_EXISTS if it is stored already."""
    columns["member"] = member
    key = {"number": record.number, "session": record.session, "record": record.record}
    if await connection.scalar(_SIGN, {**key, "signed_at": at, "recorded_by": by, **columns}) is None:
        raise CaseError(Reason.ALREADY_EXISTS, f"{names.session_name(record.number, record.session)}/record")


async def refuse(
    connection: Connection, record: SessionRecord, party: int, sealed: bytes | None, at: datetime, by: str
) -> None:
    """Store that a party refuses to sign a record; ALREADY_EXISTS if it has refused already."""
    key = {"number": record.number, "session": record.session, "record": record.record, "party": party}
    if await connection.scalar(_REFUSE, {**key, "sealed": sealed, "refused_at": at, "recorded_by": by}) is None:
        raise CaseError(Reason.ALREADY_EXISTS, f"{names.session_name(record.number, record.session)}/record")


async def refusals(connection: Connection, record: SessionRecord) -> Sequence[RecordRefusal]:
    """Return who refused to sign a version of a record."""
    return await rows.find(
        connection, RecordRefusal, RecordRefusal.refused_at, RecordRefusal.party,
        number=record.number, session=record.session, record=record.record,
    )  # fmt: skip


async def break_off(
    connection: Connection, number: str, at: datetime, *, held: bool, coming: bool
) -> Sequence[tuple[int, SessionState]]:
    """End the sessions being held and cancel those to come; return their numbers and new states."""
    asked = {SessionState.SCHEDULED: coming, SessionState.OPEN: held}
    states = [state for state, wanted in asked.items() if wanted]
    return await connection.execute(_BREAK_OFF, {"number": number, "at": at, "states": states})


async def unit_of(connection: Connection, number: str) -> str:
    """Return the accountable unit of a case."""
    return await connection.scalar(_UNIT, {"number": number}) or ""


_PARTIES = (
    select(Party)
    .options(
        load_only(
            Party.number, Party.party, Party.side, Party.subject, Party.confided, Party.code_confided,
            Party.withdrawn_at,
        )
    )
    .where(Party.number == _NUMBER)
    .order_by(Party.party)
)  # fmt: skip
_LATEST = (
    select(JointWish.party, JointWish.wished)
    .ext(distinct_on(JointWish.party))
    .where(JointWish.number == _NUMBER)
    .order_by(JointWish.party, JointWish.id.desc())
    .subquery("latest")
)
_WISHING = select(_LATEST.c.party).where(_LATEST.c.wished)
_CATEGORY = select(Case.category).where(Case.number == _NUMBER)
_SCREENED = select(Screening.party).where(Screening.number == Party.number, Screening.party == Party.party)
_UNSCREENED = select(Party.party).where(Party.number == _NUMBER, ~_SCREENED.exists())


async def parties(connection: Connection, number: str) -> Sequence[Party]:
    """Return side and account of each party of a case, withdrawn ones included."""
    return await connection.execute(_PARTIES, {"number": number})


async def wishing(connection: Connection, number: str) -> frozenset[int]:
    """Return the parties whose last recorded wish is for joint sessions."""
    return frozenset(party for (party,) in await connection.execute(_WISHING, {"number": number}))


async def category_of(connection: Connection, number: str) -> str | None:
    """Return the category of a case; None where there is no case."""
    return await connection.scalar(_CATEGORY, {"number": number})


async def unscreened(connection: Connection, number: str) -> frozenset[int]:
    """Return the parties not yet asked alone about violence."""
    return frozenset(party for (party,) in await connection.execute(_UNSCREENED, {"number": number}))
