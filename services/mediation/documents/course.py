"""From the tables of a mediation's course to what documents say of it: sessions together, inquiries, times.

Talks with one side alone are not read here: neither their sessions nor what was said in them.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import NamedTuple

from pb.mediation.v1 import evidence_pb2, sessions_pb2
from sqlalchemy import Text, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import distinct_on

from casework.case import Step
from casework.clocks.calendar import LOCAL
from casework.mediation.choosing import AskState
from casework.mediation.session import AttendeeRole, Presence, SessionKind, SessionState, Venue
from casework.papers.documents import Extension, Inquiry, JointSession, MediatorFacts, PartyFacts, Recusal
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event
from services.kit.storage.sealing import CaseSealer
from services.mediation.models.consents import Consent
from services.mediation.models.evidence import Investigation
from services.mediation.models.mediators import Ask, Mediator
from services.mediation.models.sessions import Attendance, RecordSignature, Room, Session, SessionRecord

_NUMBER = bindparam("number", type_=Text)
_BEGUN = (SessionState.OPEN, SessionState.HELD, SessionState.BROKEN_OFF)
_NEWEST = (
    select(SessionRecord.record, SessionRecord.sealed)
    .where(SessionRecord.number == Session.number, SessionRecord.session == Session.session)
    .order_by(SessionRecord.record.desc())
    .limit(1)
    .lateral("newest")
)
_SESSIONS = (
    select(
        Session.session, Session.venue, Session.sealed, Session.started_at, Session.ended_at,
        func.coalesce(Room.display_name, ""), _NEWEST.c.record, _NEWEST.c.sealed,
    )
    .outerjoin(Room, Room.room == Session.room)
    .outerjoin(_NEWEST, true())
    .where(Session.number == _NUMBER, Session.kind == SessionKind.JOINT, Session.state.in_(_BEGUN))
    .order_by(Session.session)
)  # fmt: skip
_CAME = (
    select(Attendance)
    .where(Attendance.number == _NUMBER, Attendance.presence != Presence.ABSENT)
    .order_by(Attendance.session, Attendance.role, Attendance.party, Attendance.ordinal)
)
_READ_BACK = select(RecordSignature.session, RecordSignature.record, RecordSignature.party).where(
    RecordSignature.number == _NUMBER, RecordSignature.read_back
)
_REPLACED = (
    select(Ask.ask, Ask.answered_at, Mediator.display_name)
    .join(Mediator, Mediator.mediator == Ask.mediator)
    .where(Ask.number == _NUMBER, Ask.state == AskState.REPLACED)
    .order_by(Ask.ask)
)
_EXTENDED = (
    select(Event.payload)
    .where(
        Event.number == _NUMBER,
        Event.kind == "ClockExtended",
        func.jsonb_extract_path_text(Event.payload, "how", type_=Text).in_(
            ("EXTENSION_KIND_CONSENT_OF_ALL", "consent_of_all")
        ),
    )
    .order_by(Event.seq)
)
_AGREED_TO_EXTEND = (
    select(Consent.party, Consent.given, Consent.at)
    .ext(distinct_on(Consent.party))
    .where(Consent.number == _NUMBER, Consent.step == Step.EXTENSION)
    .order_by(Consent.party, Consent.consent.desc())
)


class _Held(NamedTuple):
    """A joint session that began, with its newest record."""

    session: int
    venue: Venue
    sealed: bytes | None
    started_at: datetime
    ended_at: datetime | None
    room_name: str
    record: int | None
    record_sealed: bytes | None


async def sessions_of(
    connection: Connection,
    number: str,
    opener: CaseSealer | None,
    parties: tuple[PartyFacts, ...],
    mediator: MediatorFacts | None,
) -> tuple[JointSession, ...]:
    """Return the joint sessions that began, with their newest records. Separate talks are not among them."""
    key = {"number": number}
    held = [_Held(*row) for row in await connection.execute(_SESSIONS, key)]
    came = await connection.execute(_CAME, key)
    read = set(await connection.execute(_READ_BACK, key))
    names = {each.party: each.name for each in parties}
    return tuple(
        _session(row, [each for each in came if each.session == row.session], read, names, opener, mediator)
        for row in held
    )


def _session(
    row: _Held,
    came: list[Attendance],
    read: Set[tuple[int, int | None, int]],
    names: dict[int, str],
    opener: CaseSealer | None,
    mediator: MediatorFacts | None,
) -> JointSession:
    content = sessions_pb2.RecordContent()
    if opener and row.record_sealed is not None:
        content.ParseFromString(opener.open(row.record_sealed))

    def called(*roles: AttendeeRole) -> tuple[str, ...]:
        found = (_opened(opener, each.sealed) or names.get(each.party, "") for each in came if each.role in roles)
        return tuple(name for name in found if name)

    there = [each.party for each in came if each.role is AttendeeRole.PARTY]
    others = set(AttendeeRole) - {AttendeeRole.MEDIATOR, AttendeeRole.RECORDER}
    return JointSession(
        session=row.session,
        began_at=row.started_at,
        ended_at=row.ended_at,
        place=row.room_name or _opened(opener, row.sealed),
        remote=row.venue is Venue.REMOTE,
        mediators=called(AttendeeRole.MEDIATOR) or ((mediator.name,) if mediator else ()),
        recorder="、".join(called(AttendeeRole.RECORDER)),
        attendance=called(*others),
        record="\n".join(part for part in (content.statements, content.points) if part),
        result=content.result,
        read_back=bool(there) and all((row.session, row.record, party) in read for party in there),
    )


def _opened(opener: CaseSealer | None, sealed: bytes | None) -> str:
    return opener.open(sealed).decode() if opener and sealed is not None else ""


async def inquiries_of(connection: Connection, number: str, opener: CaseSealer | None) -> tuple[Inquiry, ...]:
    """Return the investigations."""
    found = []
    for row in await rows.find(connection, Investigation, Investigation.investigation, number=number):
        content = evidence_pb2.InvestigationContent()
        if opener:
            content.ParseFromString(opener.open(row.sealed))
        found.append(
            Inquiry(row.investigation, row.investigated_at, content.place, (row.created_by,), content.informant,
                    content.text, row.read_back)
        )  # fmt: skip
    return tuple(found)


async def recusals_of(connection: Connection, number: str) -> tuple[Recusal, ...]:
    """Return the mediators replaced at a party's word; whose word it was is written nowhere."""
    replaced = await connection.execute(_REPLACED, {"number": number})
    return tuple(Recusal(ask, 0, mediator, at, granted=True, decided_at=at) for ask, at, mediator in replaced if at)


async def extensions_of(connection: Connection, number: str) -> tuple[Extension, ...]:
    """Return the longer terms that every party agreed to, with when each did."""
    said = await connection.execute(_AGREED_TO_EXTEND, {"number": number})
    consented = tuple((party, at) for party, given, at in said if given)
    found = []
    for index, (told,) in enumerate(await connection.execute(_EXTENDED, {"number": number}), start=1):
        before, after = (
            datetime.fromisoformat(told[each]).astimezone(LOCAL).date() for each in ("due_before", "due_at")
        )
        found.append(Extension(index, before, after, consented))
    return tuple(found)
