"""Statements for the source of documents, in addition to those of the nouns themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from pb.mediation.v1 import people_pb2
from sqlalchemy import Text, and_, bindparam, exists, func, not_, or_, select, true
from sqlalchemy.dialects.postgresql import distinct_on

from casework.case import Ground, Step
from casework.mediation.agreement import AgreementState
from casework.mediation.choosing import AskState, PanelState
from casework.mediation.course import MediationState
from casework.mediation.session import Presence, SessionKind, SessionState, Venue
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event, Look
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.agreement import AgreedClause, Agreement, Part
from services.mediation.models.consents import Consent, Mediation
from services.mediation.models.evidence import Evidence, Investigation
from services.mediation.models.fulfilment import PerformedPart
from services.mediation.models.mediators import Ask, Mediator, PanelMember
from services.mediation.models.people import Companion, IdentityCheck, Party
from services.mediation.models.safeguards import Screening
from services.mediation.models.sessions import Attendance, RecordRefusal, RecordSignature, Room, Session, SessionRecord

_NUMBER = bindparam("number", type_=Text)

_COMPANIONS = (
    select(Companion).where(Companion.number == _NUMBER, Companion.ended_at.is_(None)).order_by(Companion.companion)
)  # fmt: skip
_SCREENINGS = select(Screening.party, Screening.sealed).where(Screening.number == _NUMBER)
_IDENTIFIED = (
    select(Look.subject, Look.at, Look.actor)
    .ext(distinct_on(Look.subject))
    .where(Look.number == _NUMBER, Look.purpose == people_pb2.PURPOSE_IDENTITY)
    .order_by(Look.subject, Look.id.desc())
)
_MEDIATION = (
    select(
        Mediation.mediator, Mediation.mediator_unit, func.coalesce(Mediator.display_name, ""), Mediation.state,
        Mediation.ground, Mediation.ended_at,
    )
    .outerjoin(Mediator, Mediator.mediator == Mediation.candidate)
    .where(Mediation.number == _NUMBER)
)  # fmt: skip


_SECONDS = (
    select(Mediator.display_name)
    .join(PanelMember, PanelMember.mediator == Mediator.mediator)
    .where(PanelMember.number == _NUMBER, PanelMember.state == PanelState.ACCEPTED)
    .order_by(PanelMember.member)
)


class Led(NamedTuple):
    """The mediator and the end of a mediation."""

    mediator: str
    mediator_unit: str
    display_name: str
    state: MediationState
    ground: Ground | None
    ended_at: datetime | None


async def led(connection: Connection, number: str) -> Led | None:
    """Return the mediator of a case; None if mediation was never proposed."""
    found = (await connection.execute(_MEDIATION, {"number": number})).first()
    return Led(*found) if found else None


async def second_mediators(connection: Connection, number: str) -> tuple[str, ...]:
    """Return the names of the second mediators who take part, in the order in which they were added."""
    return tuple(name for (name,) in await connection.execute(_SECONDS, {"number": number}))


async def parties(connection: Connection, number: str) -> Sequence[Party]:
    """Return the parties of a case, in order."""
    return await rows.find(connection, Party, Party.party, number=number)


async def companions(connection: Connection, number: str) -> Sequence[Companion]:
    """Return who accompanies the parties now, in order."""
    return await connection.execute(_COMPANIONS, {"number": number})


async def screenings(connection: Connection, number: str) -> Sequence[tuple[int, SealedBytes | None]]:
    """Return what each party said in private about violence, sealed."""
    return await connection.execute(_SCREENINGS, {"number": number})


async def identified(connection: Connection, number: str) -> Sequence[tuple[str, datetime, str]]:
    """Return the last identity check of each party: when, and by whom."""
    return await connection.execute(_IDENTIFIED, {"number": number})


async def checks(connection: Connection, number: str) -> Sequence[IdentityCheck]:
    """Return the results of identity checks, in order."""
    return await rows.find(connection, IdentityCheck, IdentityCheck.party, IdentityCheck.check_no, number=number)


async def evidence(connection: Connection, number: str) -> Sequence[Evidence]:
    """Return the files of a case, in order."""
    return await rows.find(connection, Evidence, Evidence.evidence, number=number)


async def docking_signers(connection: Connection, number: str) -> dict[int, str]:
    """Return who signed for which docking."""
    return {told["docking"]: actor for told, actor in await connection.execute(_SIGNED, {"number": number})}


async def consents(connection: Connection, number: str) -> Sequence[Consent]:
    """Return all answers to a step, in order."""
    return await rows.find(connection, Consent, Consent.consent, number=number)


_BEGUN = (SessionState.OPEN, SessionState.HELD, SessionState.BROKEN_OFF)
_NEWEST = (
    select(SessionRecord.record, SessionRecord.sealed, SessionRecord.written_by)
    .where(SessionRecord.number == Session.number, SessionRecord.session == Session.session)
    .order_by(SessionRecord.record.desc())
    .limit(1)
    .lateral("newest")
)
_SESSIONS = (
    select(
        Session.session, Session.venue, Session.sealed, Session.started_at, Session.ended_at,
        func.coalesce(Room.display_name, ""), _NEWEST.c.record, _NEWEST.c.sealed,
        func.coalesce(_NEWEST.c.written_by, ""),
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
_SIGNED_AFTER_ALL = exists().where(
    RecordSignature.number == RecordRefusal.number, RecordSignature.session == RecordRefusal.session,
    RecordSignature.record == RecordRefusal.record, RecordSignature.party == RecordRefusal.party,
    not_(RecordSignature.read_back),
)  # fmt: skip
_REFUSED = (
    select(RecordRefusal.session, RecordRefusal.record, RecordRefusal.party)
    .where(RecordRefusal.number == _NUMBER, not_(_SIGNED_AFTER_ALL))
    .order_by(RecordRefusal.party)
)
_SIGNED = (
    select(Event.payload, Event.actor).where(Event.number == _NUMBER, Event.kind == "DockingSigned").order_by(Event.seq)
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


class Held(NamedTuple):
    """A joint session that began, with its newest record."""

    session: int
    venue: Venue
    sealed: bytes | None
    started_at: datetime
    ended_at: datetime | None
    room_name: str
    record: int | None
    record_sealed: bytes | None
    written_by: str


async def joint_sessions(connection: Connection, number: str) -> list[Held]:
    """Return the joint sessions that began, in order."""
    return [Held(*row) for row in await connection.execute(_SESSIONS, {"number": number})]


async def came(connection: Connection, number: str) -> Sequence[Attendance]:
    """Return who came to the sessions of a case."""
    return await connection.execute(_CAME, {"number": number})


async def read_back(connection: Connection, number: str) -> set[tuple[int, int, int]]:
    """Return which version of which record was read back to which party."""
    return set(await connection.execute(_READ_BACK, {"number": number}))


async def refused(connection: Connection, number: str) -> Sequence[tuple[int, int, int]]:
    """Return which version of which record which party refused to sign."""
    return await connection.execute(_REFUSED, {"number": number})


async def investigations(connection: Connection, number: str) -> Sequence[Investigation]:
    """Return the investigations of a case, in order."""
    return await rows.find(connection, Investigation, Investigation.investigation, number=number)


async def replaced(connection: Connection, number: str) -> Sequence[tuple[int, datetime | None, str]]:
    """Return the mediators who were replaced, with when they had answered."""
    return await connection.execute(_REPLACED, {"number": number})


async def extended(connection: Connection, number: str) -> list[dict[str, Any]]:
    """Return the event of each extension that all parties agreed to."""
    return [told for (told,) in await connection.execute(_EXTENDED, {"number": number})]


async def agreed_to_extend(connection: Connection, number: str) -> Sequence[tuple[int, bool, datetime]]:
    """Return the last answer of each party to an extension."""
    return await connection.execute(_AGREED_TO_EXTEND, {"number": number})


_AGREEMENT = (
    select(Agreement.agreement)
    .where(Agreement.number == _NUMBER, Agreement.state != AgreementState.SUPERSEDED)
    .order_by((Agreement.state == AgreementState.EFFECTIVE).desc(), Agreement.agreement.desc())
    .limit(1)
)
_PERFORMED = (
    select(
        PerformedPart.clause, PerformedPart.amount, PerformedPart.evidence, PerformedPart.performed_on,
        PerformedPart.recorded_by, AgreedClause.beneficiary,
        or_(
            Part.performed_on.is_(None),
            func.lead(PerformedPart.id)
            .over(partition_by=(PerformedPart.clause, PerformedPart.instalment), order_by=PerformedPart.id)
            .is_not(None),
        ),
    )
    .join(
        Part,
        and_(
            Part.number == PerformedPart.number,
            Part.agreement == PerformedPart.agreement,
            Part.clause == PerformedPart.clause,
            Part.instalment == PerformedPart.instalment,
        ),
    )
    .join(
        AgreedClause,
        and_(
            AgreedClause.number == Part.number,
            AgreedClause.agreement == Part.agreement,
            AgreedClause.clause == Part.clause,
        ),
    )
    .where(PerformedPart.number == _NUMBER, PerformedPart.agreement == bindparam("agreement"))
    .order_by(PerformedPart.id)
)  # fmt: skip
_REVIEWED = (
    select(Event.actor)
    .where(Event.number == _NUMBER, Event.kind == "CaseClosed")
    .order_by(Event.seq.desc())
    .limit(1)
)  # fmt: skip


async def agreement_of(connection: Connection, number: str) -> int | None:
    """Return the number of the agreement that binds or is about to; None where there is none."""
    return await connection.scalar(_AGREEMENT, {"number": number})


async def performed(
    connection: Connection, number: str, agreement: int
) -> Sequence[tuple[int, int, str, date, str, int, bool]]:
    """Return what was performed, in the order it was recorded.

    Clause, amount, evidence, day, who recorded it, to whom, and whether it is a part.
    """
    return await connection.execute(_PERFORMED, {"number": number, "agreement": agreement})


async def closed_by(connection: Connection, number: str) -> str:
    """Return who closed a case last; empty where nobody did."""
    return await connection.scalar(_REVIEWED, {"number": number}) or ""
