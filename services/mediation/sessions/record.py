"""The record of a session: written, read back to each party, signed."""

from __future__ import annotations

from pb.mediation.v1 import sessions_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import session as rules_of
from casework.mediation.choosing import PanelRole
from casework.mediation.session import Manner, SignerRole
from services.kit.command import Named, Versioned, Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import keys
from services.mediation.models.cases import Case
from services.mediation.models.sessions import Session, SessionRecord
from services.mediation.panel import store as panel
from services.mediation.record import is_party
from services.mediation.servicer import Servicer
from services.mediation.sessions import standing, store, view
from services.mediation.sessions.standing import Standing
from services.mediation.sessions.view import Sitting
from services.mediation.store import get as get_case
from services.mediation.store import lock as lock_case


class RecordRpcs(Servicer):
    """The RPCs on records."""

    @command(pb.SessionRecord)
    async def WriteSessionRecord(self, request: pb.WriteSessionRecordRequest, work: Work) -> pb.SessionRecord:
        """Write the record of a joint session; confirmations and signatures so far stay with the older version."""
        case, sitting, _ = await self._recorded(request, work)
        check_etag(sitting.row.version, request.etag)
        rules_of.may_record(sitting.row.state, sitting.row.kind)
        under = await keys.writing(work.connection, self.sealer, case)
        sealed = under.seal(request.content.SerializeToString())
        record = await store.write_record(work.connection, sitting.row, sealed, work.now, work.actor)
        await store.change(work.connection, sitting.row, work.now)
        payload = {"session": sitting.row.session, "record": record.record}
        await work.append(NewEvent(case.number, "SessionRecorded", case.unit, payload))
        return await self._answer(work, sitting.row)

    async def GetSessionRecord(self, request: pb.GetSessionRecordRequest, context: Context) -> pb.SessionRecord:
        """Return the newest record with its text, and log the access; a party gets only records of its own sessions."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            mine = await standing.admit(connection, call, case, people)
            sitting = await sitting_of(connection, number, names.index_of(request.name, "sessions"))
            if sitting.record is None or not (mine is None or mine & set(sitting.row.parties)):
                raise CaseError(Reason.NOT_FOUND, request.name)
            refusals = await store.refusals(connection, sitting.record)
            await self.log_reading(connection, case, request.name, "ContentRead", subject=request.name)
        self.pulse.beat()
        answer, under = view.record(sitting, refusals, to_party=mine is not None), keys.reading(self.sealer, case)
        answer.content.ParseFromString(under.open(sitting.record.sealed))
        for shown, row in zip(answer.refusals, refusals, strict=True):
            if row.sealed and (mine is None or row.party in mine):
                shown.reason = under.open(row.sealed).decode()
        return answer

    @command(pb.SessionRecord)
    async def ConfirmReadBack(self, request: pb.ConfirmReadBackRequest, work: Work) -> pb.SessionRecord:
        """Record that the newest record was read back to a party and is right."""
        case, sitting, people = await self._recorded(request, work)
        record = self._newest(sitting, request)
        party = party_of(request.party, case.number)
        _must_be_own(work, people, party)
        rules_of.must_have_come(party, sitting.came)
        await store.sign(
            work.connection, record, work.now, work.actor, role=SignerRole.PARTY, party=party, read_back=True,
            manner=None, language=request.language,
        )  # fmt: skip
        payload = {"session": sitting.row.session, "record": record.record, "party": party}
        await work.append(NewEvent(case.number, "RecordReadBack", case.unit, payload))
        return await self._answer(work, sitting.row)

    @command(pb.SessionRecord)
    async def SignSessionRecord(self, request: pb.SignSessionRecordRequest, work: Work) -> pb.SessionRecord:
        """Record a signature under the newest record; an oral one only if the party cannot sign otherwise.

        A party that signs in signs for itself, electronically.
        """
        case, sitting, people = await self._recorded(request, work)
        record = self._newest(sitting, request)
        role, manner = SignerRole(request.role), Manner(request.manner)
        party = party_of(request.party, case.number) if request.party else 0
        if (role is SignerRole.PARTY) != bool(party):
            raise field_error("party", Reason.INVALID_FIELD, "named for a party, and for a party alone")
        if _must_be_own(work, people, party) and manner is not Manner.ELECTRONIC:
            raise field_error("manner", Reason.INVALID_FIELD, "who signs in signs electronically")
        if role is SignerRole.PARTY:
            rules_of.may_sign(party, sitting.came, sitting.read_backs)
        elif manner is Manner.SPOKEN:
            raise field_error("manner", Reason.INVALID_FIELD, "by word of mouth signs a party alone")
        member = await _member_of(work, case.number, people, request)
        await store.sign(
            work.connection, record, work.now, work.actor, role=role, party=party, read_back=False,
            manner=manner, language="", member=member,
        )  # fmt: skip
        payload: dict[str, object] = {"session": sitting.row.session, "record": record.record, "role": role.name}
        payload |= {"party": party} if party else {}
        payload |= {"member": member} if member else {}
        await work.append(NewEvent(case.number, "RecordSigned", case.unit, payload))
        return await self._answer(work, sitting.row)

    @command(pb.SessionRecord)
    async def RefuseSessionRecord(self, request: pb.RefuseSessionRecordRequest, work: Work) -> pb.SessionRecord:
        """Record that a party refuses to sign the newest record, with its statement, sealed."""
        case, sitting, people = await self._recorded(request, work)
        record = self._newest(sitting, request)
        party = party_of(request.party, case.number)
        _must_be_own(work, people, party)
        rules_of.must_have_come(party, sitting.came)
        if party in sitting.signed:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        sealed = None
        if request.reason:
            sealed = (await keys.writing(work.connection, self.sealer, case)).seal(request.reason.encode())
        await store.refuse(work.connection, record, party, sealed, work.now, work.actor)
        payload = {"session": sitting.row.session, "record": record.record, "party": party}
        await work.append(NewEvent(case.number, "RecordRefused", case.unit, payload))
        return await self._answer(work, sitting.row)

    async def _recorded(self, request: Named, work: Work) -> tuple[Case, Sitting, Standing]:
        """Return the locked case, the session and its people, if the caller may record for them."""
        number = names.number_of(request.name)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        await standing.admit(work.connection, work.call, case, people)
        return case, await sitting_of(work.connection, number, names.index_of(request.name, "sessions")), people

    @staticmethod
    def _newest(sitting: Sitting, request: Versioned) -> SessionRecord:
        if sitting.record is None:
            raise CaseError(Reason.NOT_FOUND, request.name)
        check_etag(sitting.record.record, request.etag)
        return sitting.record

    @staticmethod
    async def _answer(work: Work, row: Session) -> pb.SessionRecord:
        sitting = await sitting_of(work.connection, row.number, row.session)
        refusals = await store.refusals(work.connection, sitting.record) if sitting.record else ()
        return view.record(sitting, refusals, to_party=is_party(work.call))


def _must_be_own(work: Work, people: Standing, party: int) -> bool:
    """Return whether the caller is a party; PERMISSION_DENIED if it acts for a different party."""
    if not is_party(work.call):
        return False
    work.call.require_person(party in people.parties_of(work.call.caller.subject))
    return True


async def _member_of(work: Work, number: str, people: Standing, request: pb.SignSessionRecordRequest) -> int:
    """Return the member of the panel who signs, 0 for everybody else; PERMISSION_DENIED for a mediator's signature by
    anybody but that mediator.
    """
    role, own = SignerRole(request.role), await panel.on_it(work.connection, number, work.actor)
    if request.member and (role is not SignerRole.ASSESSOR or names.number_of(request.member) != number):
        raise field_error("member", Reason.INVALID_FIELD, "only of an assessor of this case")
    if role is SignerRole.MEDIATOR:
        if own is not None and own.role is PanelRole.SECOND_MEDIATOR:
            return own.member
        # Nobody signs for the mediator.
        work.call.require_person(bool(people.mediator) and work.actor == people.mediator)
        return 0
    if own is not None and own.role is PanelRole.ASSESSOR:
        # An assessor signs for itself alone.
        work.call.require_person(role is SignerRole.ASSESSOR and names.index_of(request.member) in (0, own.member))
        return own.member
    if role is not SignerRole.ASSESSOR:
        return 0
    row = await panel.get(work.connection, number, names.index_of(request.member)) if request.member else None
    if row is None or row.role is not PanelRole.ASSESSOR or row.accepted_at is None:
        raise field_error("member", Reason.INVALID_FIELD, "must be an assessor who takes part")
    return row.member


def party_of(name: str, number: str) -> int:
    """Return the number of the party with this name; INVALID_FIELD if it is of another case."""
    if names.number_of(name) != number:
        raise field_error("party", Reason.INVALID_FIELD, "of another case")
    return int(names.last(name))


async def sitting_of(connection: Connection, number: str, session: int) -> Sitting:
    """Return a session with its attendance, record and signatures; NOT_FOUND where there is none."""
    row = await store.get(connection, number, session)
    return await with_parts(connection, row)


async def with_parts(connection: Connection, row: Session) -> Sitting:
    """Return a session's row with its attendance, record and signatures."""
    attendances = await store.attendances(connection, row.number)
    records = await store.records(connection, row.number)
    signatures = await store.signatures(connection, row.number)
    return Sitting.of(row, attendances, records, signatures, await panel.seconds(connection, row.number))
