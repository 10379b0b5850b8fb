"""From the tables of a mediation's course to what documents say of it: sessions together, inquiries, times.

Talks with one side alone are not read here: neither their sessions nor what was said in them.
"""

from __future__ import annotations

from datetime import datetime

import orjson
from pb.mediation.v1 import evidence_pb2, sessions_pb2

from casework.clocks.calendar import LOCAL
from casework.mediation.choosing import AskState
from casework.mediation.course import Step
from casework.mediation.session import SessionKind, SessionState, Venue
from casework.papers.documents import Extension, Inquiry, JointSession, MediatorFacts, PartyFacts, Recusal
from services.kit.storage.database import Connection, Row, text
from services.kit.storage.sealing import CaseSealer

_SESSIONS = text("""
    SELECT s.session, s.venue, s.sealed, s.started_at, s.ended_at, coalesce(rooms.display_name, '') AS room_name,
           r.record, r.sealed AS record_sealed
    FROM sessions s LEFT JOIN rooms USING (room)
    LEFT JOIN LATERAL (
        SELECT record, sealed FROM session_records
        WHERE session_records.number = s.number AND session_records.session = s.session ORDER BY record DESC LIMIT 1
    ) r ON true
    WHERE s.number = :number AND s.kind = :joint AND s.state = ANY(:begun) ORDER BY s.session
""")
_CAME = text("""
    SELECT * FROM attendances WHERE number = :number AND presence <> :absent ORDER BY session, role, party, ordinal
""")
_READ_BACK = text("SELECT session, record, party FROM record_signatures WHERE number = :number AND read_back")
_INQUIRIES = text("SELECT * FROM investigations WHERE number = :number ORDER BY investigation")
_REPLACED = text("""
    SELECT asks.ask, asks.answered_at, mediators.display_name FROM asks JOIN mediators USING (mediator)
    WHERE asks.number = :number AND asks.state = :replaced ORDER BY asks.ask
""")
_EXTENDED = text("""
    SELECT payload FROM events WHERE number = :number AND kind = 'ClockExtended'
    AND payload ->> 'how' IN ('EXTENSION_KIND_CONSENT_OF_ALL', 'consent_of_all') ORDER BY seq
""")
_AGREED_TO_EXTEND = text("""
    SELECT DISTINCT ON (party) party, given, at FROM consents
    WHERE number = :number AND step = :step ORDER BY party, consent DESC
""")


async def sessions_of(
    connection: Connection,
    number: str,
    opener: CaseSealer | None,
    parties: tuple[PartyFacts, ...],
    mediator: MediatorFacts | None,
) -> tuple[JointSession, ...]:
    """Return the joint sessions that began, with their newest records. Separate talks are not among them."""
    begun = [int(SessionState.OPEN), int(SessionState.HELD), int(SessionState.BROKEN_OFF)]
    rows = await connection.execute(_SESSIONS, {"number": number, "joint": int(SessionKind.JOINT), "begun": begun})
    came = list(await connection.execute(_CAME, {"number": number, "absent": sessions_pb2.PRESENCE_ABSENT}))
    read = {(row.session, row.record, row.party) for row in await connection.execute(_READ_BACK, {"number": number})}
    names = {each.party: each.name for each in parties}
    return tuple(
        _session(row, [each for each in came if each.session == row.session], read, names, opener, mediator)
        for row in rows
    )


def _session(
    row: Row,
    came: list[Row],
    read: set[tuple[int, int, int]],
    names: dict[int, str],
    opener: CaseSealer | None,
    mediator: MediatorFacts | None,
) -> JointSession:
    content = sessions_pb2.RecordContent()
    if opener and row.record_sealed is not None:
        content.ParseFromString(opener.open(bytes(row.record_sealed)))

    def called(*roles: int) -> tuple[str, ...]:
        found = (_opened(opener, each.sealed) or names.get(each.party, "") for each in came if each.role in roles)
        return tuple(name for name in found if name)

    of_party = sessions_pb2.ATTENDEE_ROLE_PARTY
    there = [each.party for each in came if each.role == of_party]
    others = set(sessions_pb2.AttendeeRole.values()) - {
        0, sessions_pb2.ATTENDEE_ROLE_MEDIATOR, sessions_pb2.ATTENDEE_ROLE_RECORDER}  # fmt: skip
    return JointSession(
        session=row.session,
        began_at=row.started_at,
        ended_at=row.ended_at,
        place=row.room_name or _opened(opener, row.sealed),
        remote=row.venue == Venue.REMOTE,
        mediators=called(sessions_pb2.ATTENDEE_ROLE_MEDIATOR) or ((mediator.name,) if mediator else ()),
        recorder="、".join(called(sessions_pb2.ATTENDEE_ROLE_RECORDER)),
        attendance=called(*others),
        record="\n".join(part for part in (content.statements, content.points) if part),
        result=content.result,
        read_back=bool(there) and all((row.session, row.record, party) in read for party in there),
    )


def _opened(opener: CaseSealer | None, sealed: object) -> str:
    return opener.open(sealed).decode() if opener and isinstance(sealed, bytes) else ""


async def inquiries_of(connection: Connection, number: str, opener: CaseSealer | None) -> tuple[Inquiry, ...]:
    """Return the investigations."""
    found = []
    for row in await connection.execute(_INQUIRIES, {"number": number}):
        content = evidence_pb2.InvestigationContent()
        if opener:
            content.ParseFromString(opener.open(bytes(row.sealed)))
        found.append(
            Inquiry(row.investigation, row.investigated_at, content.place, (row.created_by,), content.informant,
                    content.text, row.read_back)
        )  # fmt: skip
    return tuple(found)


async def recusals_of(connection: Connection, number: str) -> tuple[Recusal, ...]:
    """Return the mediators replaced at a party's word; whose word it was is written nowhere."""
    rows = await connection.execute(_REPLACED, {"number": number, "replaced": int(AskState.REPLACED)})
    return tuple(
        Recusal(row.ask, 0, row.display_name, row.answered_at, granted=True, decided_at=row.answered_at) for row in rows
    )


async def extensions_of(connection: Connection, number: str) -> tuple[Extension, ...]:
    """Return the longer terms that every party agreed to, with when each did."""
    said = await connection.execute(_AGREED_TO_EXTEND, {"number": number, "step": int(Step.EXTENSION)})
    consented = tuple((row.party, row.at) for row in said if row.given)
    found = []
    for index, row in enumerate(await connection.execute(_EXTENDED, {"number": number}), start=1):
        told = orjson.loads(row.payload) if isinstance(row.payload, str) else row.payload
        before, after = (
            datetime.fromisoformat(told[each]).astimezone(LOCAL).date() for each in ("due_before", "due_at")
        )
        found.append(Extension(index, before, after, consented))
    return tuple(found)
