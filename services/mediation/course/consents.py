"""The RPCs of consent, and of leaving, which is always possible."""

from __future__ import annotations

from datetime import datetime

from pb.mediation.v1 import consent_pb2 as pb
from pb.mediation.v1 import consent_pb2_grpc

from casework import case as rules_of_case
from casework import names
from casework.case import Stage, Step
from casework.errors import CaseError, Reason, field_error
from casework.mediation import course as rules_of
from casework.mediation.choosing import ChoicePhase
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.course import Beside, MediationState, Person
from casework.mediation.session import is_screened_first, must_be_screened
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.serving.codes import INVITED
from services.kit.storage import access_log, paging
from services.kit.storage.events import NewEvent
from services.mediation import record
from services.mediation.consents import routes, store, view
from services.mediation.course import mediating
from services.mediation.invitations import store as invitations
from services.mediation.models.cases import Case
from services.mediation.models.consents import Consent, Mediation
from services.mediation.models.people import Party
from services.mediation.panel import store as panel
from services.mediation.people import store as people
from services.mediation.servicer import Servicer
from services.mediation.sessions import store as sessions

_PROCEEDS = frozenset({rules_of.Scope.PROCEDURE})


class ConsentServicer(Servicer, consent_pb2_grpc.ConsentServiceServicer):
    """Serves the mediation, consents and leaving."""

    body_key_name = "requests of consents"

    async def GetMediation(self, request: pb.GetMediationRequest, context: Context) -> pb.Mediation:
        """Return the state of a mediation."""
        number = names.number_of(request.name)
        async with self.database.begin() as connection:
            await record.seen(connection, request.name)
            row = await store.get(connection, number)
            return view.mediation(row, await people.standing(connection, number))

    @command(pb.Consent)
    async def RecordConsent(self, request: pb.RecordConsentRequest, work: Work) -> pb.Consent:
        """Record a party's answer. The last consent to mediation starts it; refusing it is the same as leaving."""
        case, party = await self._party(request.parent, work, _PROCEEDS)
        if record.is_party(work.call):
            _must_be_alone(request.consent)
            await self._with_guardian(work, request, party)
            await self._by_agent(work, request, party)
        said, row = request.consent, await store.begin(work.connection, case.number)
        step = Step(said.step)
        beside = await self._beside(work, request)
        at = instant(said.give_time) if said.HasField("give_time") else work.now
        rules_of.check_give_time(at, work.now)
        minor = party.minor_until is not None and dates.today(at) < party.minor_until
        person = Person(
            party.party, party.side, party.withdrawn_at is not None, party.member, party.needs_guardian, minor
        )
        rules_of.check_consent(
            person, step, said.given, beside["assisted_by"], beside["given_by"], beside["interpreter"]
        )
        if said.given and (step is not Step.MEDIATION):
            _must_be_possible(step, at, case, row, party)
        if step is Step.MEDIATION and said.given:
            rules_of.must_be_open(row.state)
            rules_of_case.must_not_be(case.stage, Stage.CLOSED)
            if is_screened_first(case.category):
                must_be_screened(party.party, await sessions.unscreened(work.connection, case.number))
            await store.stay(work.connection, case.number, party.party)
        kept = await self._keep(work, request, row, party, at)
        kind = "ConsentGiven" if said.given else "ConsentRefused"
        payload = {"party": party.party, "step": step.name, "medium": said.medium, "round": row.round}
        await work.append(NewEvent(case.number, kind, case.unit, payload))
        if step is Step.MEDIATION and not said.given:
            await mediating.leave(work, case, party)
        await mediating.restate(work, case, self.sealer)
        return view.consent(kept)

    async def ListConsents(self, request: pb.ListConsentsRequest, context: Context) -> pb.ListConsentsResponse:
        """Return the answers of the parties of a case, oldest first; this is logged."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "consents", paging.number) or 0
        call, number = current_call(), names.number_of(request.parent)
        async with self.database.begin() as connection:
            await record.seen(connection, request.parent)
            rows = await store.listed(connection, number, behind, size + 1)
            await access_log.record(connection, call, self.time.now(), number)
        reply = pb.ListConsentsResponse(consents=[view.consent(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "consents", lambda end: end.consent)
        return reply

    @command(pb.Withdrawal)
    async def WithdrawParty(self, request: pb.WithdrawPartyRequest, work: Work) -> pb.Withdrawal:
        """Let a party leave, in any state, and return the other routes."""
        case, party = await self._party(request.name, work)
        await mediating.leave(work, case, party)
        row = await mediating.restate(work, case, self.sealer)
        left = await people.get_party(work.connection, case.number, party.party)
        return view.withdrawal(left, row, await routes.open_in(work.connection, self.rules, case))

    @command(pb.Mediation)
    async def ProposeMediation(self, request: pb.ProposeMediationRequest, work: Work) -> pb.Mediation:
        """Propose mediation again after it ended without agreement: earlier answers no longer count."""
        case = await record.locked(work, request.name)
        row = await store.get(work.connection, case.number)
        check_etag(row.version, request.etag)
        rules_of_case.must_not_be(case.stage, Stage.CLOSED)
        rules_of.must_be(row.state, MediationState.NOT_AGREED, MediationState.WITHDRAWN)
        await people.rejoin(work.connection, case.number)
        await panel.end(work.connection, case.number, work.now, everybody=True)
        row = await store.change(
            work.connection, case.number, state=MediationState.PROPOSED, phase=ChoicePhase.NONE,
            round=row.round + 1, candidate="", mediator="", mediator_unit="", consented_at=None, ended_at=None,
            ground=None,
        )  # fmt: skip
        await mediating.tell(work, case, row, "MediationProposed", round=row.round)
        found = await people.standing(work.connection, case.number)
        await mediating.await_answers(work, case, row, found)
        return view.mediation(row, found)

    @command(pb.Mediation)
    async def DeclareMatterFacts(self, request: pb.DeclareMatterFactsRequest, work: Work) -> pb.Mediation:
        """Record the facts by which the other routes are chosen."""
        case = await record.locked(work, request.name)
        row = await mediating.begin(work, case)
        check_etag(row.version, request.etag)
        for index, fact in enumerate(request.facts):
            if fact not in self.rules.routes.facts:
                raise field_error(f"facts[{index}]", Reason.INVALID_FIELD, ", ".join(self.rules.routes.facts))
        row = await store.change(work.connection, case.number, matter_facts=list(request.facts))
        await mediating.tell(work, case, row, "MatterFactsDeclared", facts=list(request.facts))
        return view.mediation(row, await people.standing(work.connection, case.number))

    @staticmethod
    async def _party(name: str, work: Work, powers: frozenset[rules_of.Scope] = frozenset()) -> tuple[Case, Party]:
        """Return case, locked, and party, if the caller may act in it, or is its agent with one of the powers."""
        case = await record.locked(work, name)
        party = await people.get_party(work.connection, case.number, names.index_of(name))
        await record.must_act_for(work.connection, work.call, party, powers)
        return case, party

    @staticmethod
    async def _by_agent(work: Work, request: pb.RecordConsentRequest, party: Party) -> None:
        """Set by whom a party's answer was given: the agent who signed in, and answers to times alone.

        A refusal of mediation is leaving, and so the principal's own as much as a yes.
        """
        subject, step = work.call.caller.subject, Step(request.consent.step)
        if not record.speaks_for(subject, party):
            if step not in rules_of.BY_OTHERS:
                raise CaseError(Reason.OWN_CONSENT_NEEDED, step.name)
            agent = await people.agent_of(work.connection, party, subject, dates.today(work.now))
            request.consent.given_by = names.companion_name(party.number, agent)

    @staticmethod
    async def _with_guardian(work: Work, request: pb.RecordConsentRequest, party: Party) -> None:
        """Set who was with the party: the guardian or support person whose invitation it is."""
        if INVITED in work.call.caller.roles:
            invited = await invitations.find(work.connection, party.number, party.party)
            companion = invited.companion if invited else 0
            request.consent.assisted_by = names.companion_name(party.number, companion)

    @staticmethod
    async def _beside(work: Work, request: pb.RecordConsentRequest) -> dict[str, Beside | None]:
        """Return who was with the party, by field; INVALID_FIELD if it is not a companion."""
        known = await people.besides(work.connection, names.number_of(request.parent), dates.today(work.now))
        found: dict[str, Beside | None] = {}
        for field in ("assisted_by", "given_by", "interpreter"):
            companion = mediating.own(getattr(request.consent, field), request.parent, f"consent.{field}")
            found[field] = known.get(companion)
            if companion and found[field] is None:
                raise field_error(f"consent.{field}", Reason.INVALID_FIELD)
        return found

    @staticmethod
    async def _keep(
        work: Work, request: pb.RecordConsentRequest, row: Mediation, party: Party, at: datetime
    ) -> Consent:
        said = request.consent
        return await store.add(
            work.connection, row.number, party=party.party, round=row.round, step=said.step, given=said.given,
            medium=said.medium, language=said.language, read_back=said.read_back,
            interpreter=names.index_of(said.interpreter), assisted_by=names.index_of(said.assisted_by),
            given_by=names.index_of(said.given_by), at=at, recorded_at=work.now, recorded_by=work.actor,
        )  # fmt: skip


def _must_be_alone(said: pb.Consent) -> None:
    """Raise INVALID_FIELD if a party itself states who else was present: only a witness may record that."""
    for field in ("assisted_by", "given_by", "interpreter"):
        if getattr(said, field):
            raise field_error(f"consent.{field}", Reason.INVALID_FIELD, "recorded by who saw them")
    if said.medium != pb.MEDIUM_ONLINE:
        raise field_error("consent.medium", Reason.INVALID_FIELD, "MEDIUM_ONLINE")


def _must_be_possible(step: Step, at: datetime, case: Case, row: Mediation, party: Party) -> None:
    """Raise CONTRADICTED if the consent is impossible: of a party that left, or to something that is over."""
    proceeds = step in (Step.SESSION, Step.EXTENSION)
    facts = {
        Fact.PARTY_IS_THERE: party.withdrawn_at is None,
        Fact.NOT_BEFORE_THE_MATTER: dates.today(at) >= dates.today(case.received_at),
        Fact.MEDIATION_GOES_ON: row.state not in rules_of.ENDED,
    }
    must_hold(Act.CONSENT_TO_PROCEED if proceeds else Act.CONSENT, facts)
