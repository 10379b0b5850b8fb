"""The RPCs of invitations: a party gets a code, signs in with it, and reads what it is invited to."""

from __future__ import annotations

import hashlib
import os

from pb.mediation.v1 import invitations_pb2 as pb
from pb.mediation.v1 import invitations_pb2_grpc

from casework import names
from casework.door import receipt, second_factor
from casework.errors import CaseError, Reason, field_error
from casework.mediation.course import CompanionRole
from casework.papers.rights import RIGHTS
from services.kit import dates, other_routes
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.serving.codes import AGENT, HOLDER, INVITED, CodeMint
from services.kit.serving.limits import too_many
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.rows import not_found
from services.mediation import keys, record, store
from services.mediation.consents import routes
from services.mediation.consents import store as consents
from services.mediation.consents import view as consents_shown
from services.mediation.invitations import store as invitations
from services.mediation.invitations.store import Found
from services.mediation.mediators import store as mediators
from services.mediation.models.people import Companion, Invitation, Party
from services.mediation.people import store as people
from services.mediation.servicer import Servicer

_SESSION = 1800
"""Seconds for which a token to act is valid."""
_ALL = 10_000
_ANSWER = "mediation_answer"


class InvitationServicer(Servicer, invitations_pb2_grpc.InvitationServiceServicer):
    """Serves invitations."""

    body_key_name = "requests of invitations"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._index_key = parts.sealer.derive("invitation")

    async def InviteParty(self, request: pb.InvitePartyRequest, context: Context) -> pb.Invitation:
        """Return the invitation with its code; the code itself is only in the sealed part."""
        answer = await self._invite(request, context)
        number, party = names.number_of(request.name), names.index_of(request.name)
        async with self.database.read() as connection:
            case = await store.get(connection, number)
            row = await invitations.find(connection, number, party)
        if row is not None and row.sealed is not None:
            content = pb.InvitationContent.FromString(keys.reading(self.sealer, case).open(row.sealed))
            answer.code, answer.words = content.code, content.words
        return answer

    @command(pb.Invitation)
    async def _invite(self, request: pb.InvitePartyRequest, work: Work) -> pb.Invitation:
        case = await self.locked(request.name, work)
        party = await people.get_party(work.connection, case.number, names.index_of(request.name))
        companion = await self._companion(request, party, work)
        mediation = await consents.find(work.connection, case.number)
        code = receipt.receipt_code(os.urandom(receipt.ENTROPY_BYTES))
        content = pb.InvitationContent(code=code, words=second_factor.words(os.urandom(2)), claim=request.claim)
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await invitations.invite(
            work.connection, case.number, party.party, companion=companion, code_index=self._index(code),
            confided=mediation is not None and bool(mediation.mediator) and mediation.mediator == work.actor,
            sealed=sealer.seal(content.SerializeToString()), by=work.actor, at=work.now,
        )  # fmt: skip
        payload = {"party": party.party, "companion": companion, "again": row.version > 1}
        await work.append(NewEvent(case.number, "PartyInvited", case.unit, payload))
        return _made(row)

    async def InviteAgent(self, request: pb.InviteAgentRequest, context: Context) -> pb.AgentInvitation:
        """Return the invitation of an agent with its code; the code itself is only in the sealed part."""
        answer = await self._invite_agent(request, context)
        number, companion = names.number_of(request.name), names.index_of(request.name)
        async with self.database.read() as connection:
            case = await store.get(connection, number)
            row = await invitations.find_agent(connection, number, companion)
        if row is not None and row.sealed is not None:
            content = pb.InvitationContent.FromString(keys.reading(self.sealer, case).open(row.sealed))
            answer.code, answer.words = content.code, content.words
        return answer

    @command(pb.AgentInvitation)
    async def _invite_agent(self, request: pb.InviteAgentRequest, work: Work) -> pb.AgentInvitation:
        case = await self.locked(request.name, work)
        agent = await people.get_companion(work.connection, case.number, names.index_of(request.name))
        if not people.beside(agent, dates.today(work.now)).powers:
            # Who has no powers, or no longer, comes with the party, and has nothing to sign in for.
            raise field_error("name", Reason.INVALID_FIELD, "no agent or representative with powers in force")
        code = receipt.receipt_code(os.urandom(receipt.ENTROPY_BYTES))
        content = pb.InvitationContent(code=code, words=second_factor.words(os.urandom(2)))
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await invitations.invite_agent(
            work.connection, case.number, agent.companion, code_index=self._index(code),
            sealed=sealer.seal(content.SerializeToString()), made_by=work.actor, made_at=work.now,
        )  # fmt: skip
        payload = {"companion": agent.companion, "again": row.version > 1}
        await work.append(NewEvent(case.number, "AgentInvited", case.unit, payload))
        return pb.AgentInvitation(name=f"{request.name}/invitation", create_time=stamp(row.made_at))

    async def SignInByInvitation(self, request: pb.SignInByInvitationRequest, context: Context) -> pb.InvitationSession:
        """Return a token that acts for the party; from the fifth wrong answer the invitation is closed."""
        current_call().require(names.ROOT_UNIT)
        index = self._index(request.code)
        async with self.database.begin() as connection:
            row = await invitations.by_code(connection, index)
            if row is None or not await self._stands(connection, row):
                raise CaseError(Reason.NOT_FOUND, "invitations")
            case = await store.get(connection, row.number)
            agent = await self._agent(connection, row) if row.is_agent else None
            # The security words were erased with the case: the code alone opens the certificate, and nothing else.
            role = INVITED if case.erased_at is None else HOLDER
            refusal = await self._wrong(connection, row, request.second_factor) if role == INVITED else None
        if refusal is not None:
            # Raised after the transaction, so that the wrong answer is counted.
            self.pulse.beat()
            raise refusal
        if row.is_agent:
            return self._acts(row, not_found(agent, "invitations"))
        party, name = names.party_name(row.number, row.party), names.case_name(row.number)
        token, until = self._mint.token(role, party, name, _SESSION)
        return pb.InvitationSession(access_token=token, expire_time=stamp(until), party=party, case=name)

    def _acts(self, row: Found, agent: Companion) -> pb.InvitationSession:
        """Return the token of an agent, and for whom it may do what."""
        companion, name = names.companion_name(row.number, row.companion), names.case_name(row.number)
        token, until = self._mint.token(AGENT, companion, name, _SESSION)
        parties = [names.party_name(row.number, each) for each in agent.parties]
        return pb.InvitationSession(
            access_token=token, expire_time=stamp(until), party=parties[0], case=name, companion=companion,
            parties=parties, last_day=dates.shown(agent.last_day), **numbers(scopes=agent.scopes),
        )  # fmt: skip

    async def GetInvitation(self, request: pb.GetInvitationRequest, context: Context) -> pb.Invitation:
        """Return what a party is invited to."""
        call, english = current_call(), current_call().language == "en"
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            party = await people.get_party(connection, case.number, names.party_of(request.name))
            await record.must_act_for(connection, call, party)
            row = await invitations.find(connection, case.number, party.party)
            mediation = await consents.find(connection, case.number)
            said = await consents.listed(connection, case.number, 0, _ALL)
            told = await routes.open_in(connection, self.rules, case)
            waits = (await consents.running(connection, case.number)).get(_ANSWER)
            candidate = mediation.candidate if mediation else ""
            mediator = await mediators.get(connection, candidate) if candidate else None
        category = self.rules.categories.get(case.category)
        answer = _made(row) if row else pb.Invitation(name=request.name)
        if row is not None and row.sealed is not None:
            opened = pb.InvitationContent.FromString(keys.reading(self.sealer, case).open(row.sealed))
            answer.claim = opened.claim
        for each in said:
            if each.party == party.party:
                shown = consents_shown.consent(each)
                shown.ClearField("recorder")
                answer.consents.append(shown)
        answer.MergeFrom(
            pb.Invitation(
                category=category.en if english else category.zh,
                unit=names.unit_name(case.unit),
                unit_display_name=self.rules.units.known(case.unit).name,
                phone=self.rules.units.phone(case.unit),
                mediator=names.mediator_name(candidate),
                mediator_display_name=mediator.display_name if mediator else "",
                rights=[each[english] for each in RIGHTS],
                other_routes=other_routes.shown(told),
                withdrawn=party.withdrawn_at is not None,
                answer_due_time=stamp(waits),
                **numbers(side=party.side, mediation_state=mediation.state if mediation else 0),
            )
        )
        return answer

    async def _companion(self, request: pb.InvitePartyRequest, party: Party, work: Work) -> int:
        """Return the companion invited in place of a party: guardian or support person; 0 for the party itself."""
        companion = names.index_of(request.companion)
        minor = party.minor_until is not None and dates.today(work.now) < party.minor_until
        roles = (CompanionRole.GUARDIAN,) if minor else (CompanionRole.GUARDIAN, CompanionRole.SUPPORT)
        if not companion:
            if minor:
                raise CaseError(Reason.GUARDIAN_NEEDED, request.name)
            if party.needs_guardian:
                raise CaseError(Reason.SUPPORT_NEEDED, request.name)
            return 0
        found = (await people.besides(work.connection, party.number, dates.today(work.now))).get(companion)
        if names.number_of(request.companion) != party.number or found is None or not found.serves(party.party, *roles):
            raise field_error("companion", Reason.INVALID_FIELD)
        return companion

    async def _agent(self, connection: Connection, row: Found) -> Companion | None:
        """Return the agent of an invitation, if their powers are in force."""
        agent = await people.get_companion(connection, row.number, row.companion)
        return agent if people.beside(agent, dates.today(self.time.now())).powers else None

    async def _stands(self, connection: Connection, row: Found) -> bool:
        """Return whether an invitation still opens: one for a companion ends with the companion's role.

        A guardian's end when they are ended, or when the child comes of age (民法典 art. 17, 18, 39).
        """
        if row.is_agent:
            erased = (await store.get(connection, row.number)).erased_at is not None
            return not erased and await self._agent(connection, row) is not None
        if not row.companion:
            return True
        found = (await people.besides(connection, row.number, dates.today(self.time.now()))).get(row.companion)
        if found is None or not found.serves(row.party, CompanionRole.GUARDIAN, CompanionRole.SUPPORT):
            return False
        of_age = (await people.get_party(connection, row.number, row.party)).minor_until
        return of_age is None or not dates.today(row.made_at) < of_age <= dates.today(self.time.now())

    async def _wrong(self, connection: Connection, row: Found, said: str) -> CaseError | None:
        """Return the error for a wrong answer, and count it; None if it is right."""
        now = self.time.now()
        if row.closed_until is not None and row.closed_until > now:
            return too_many((row.closed_until - now).total_seconds())
        case = await store.get(connection, row.number)
        opened = keys.reading(self.sealer, case).open(row.sealed) if row.sealed is not None else b""
        if second_factor.is_right(said, pb.InvitationContent.FromString(opened).words, ""):
            await invitations.count(connection, row, 0, None)
            return None
        failed = row.failed + 1
        closed = second_factor.closed_for(failed)
        await invitations.count(connection, row, failed, now + closed if closed else None)
        if closed:
            whose = {"companion": row.companion} if row.is_agent else {"party": row.party}
            event = NewEvent(row.number, "InvitationClosed", case.unit, whose)
            await self.log.append(connection, [event], at=now, actor="", trace="")
        return CaseError(Reason.SECOND_FACTOR_WRONG)

    def _index(self, code: str) -> bytes:
        """Return the blind index of a code; NOT_FOUND if it is not well-formed."""
        normal = receipt.normal_form(code)
        if normal is None:
            raise CaseError(Reason.NOT_FOUND, "invitations")
        return hashlib.blake2b(normal.encode(), key=self._index_key, digest_size=32).digest()


def _made(row: Invitation) -> pb.Invitation:
    return pb.Invitation(
        name=f"{names.party_name(row.number, row.party)}/invitation",
        companion=names.companion_name(row.number, row.companion),
        create_time=stamp(row.made_at),
    )
