"""RPCs of the agreement and of the end of a mediation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pb.mediation.v1 import agreement_pb2 as pb
from pb.mediation.v1 import agreement_pb2_grpc, sessions_pb2

from casework import names
from casework.case import Ground, Stage
from casework.errors import CaseError, Reason, field_error
from casework.mediation import agreement as rules_of
from casework.mediation.agreement import AgreementState, Extent, Form, Question, Signer
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.course import CompanionRole
from casework.mediation.session import Manner
from casework.mediation.termination import ServiceMedium, check_service, ended_as, may_end
from services.kit import dates
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.serving.codes import INVITED
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.rows import not_found
from services.mediation import keys, record, standing
from services.mediation.agreement import comparing, drafting, results, store, view
from services.mediation.agreement.store import Loaded
from services.mediation.consents import routes
from services.mediation.course import mediating, terms
from services.mediation.course.effect import take_effect
from services.mediation.documents import numbers
from services.mediation.invitations import store as invitations
from services.mediation.models.cases import Case
from services.mediation.panel import store as panel
from services.mediation.people import store as beside
from services.mediation.servicer import Servicer
from services.mediation.standing import PeopleStanding, Step


class AgreementServicer(Servicer, agreement_pb2_grpc.AgreementServiceServicer):
    """Serves agreements, endings and results."""

    @command(pb.Agreement)
    async def DraftAgreement(self, request: pb.DraftAgreementRequest, work: Work) -> pb.Agreement:
        """Draft an agreement; it replaces one that does not bind yet."""
        case = await self.locked(request.parent, work)
        if case.stage is Stage.CLOSE_REVIEW:
            raise CaseError(Reason.WRONG_STATE, Stage.CLOSE_REVIEW.name, state=Stage.CLOSE_REVIEW.name)
        await standing.under_way(work.connection, case.number)
        people = await standing.standing(work.connection, case.number)
        clauses = drafting.clauses_of(request.agreement, case.number)
        form = Form(request.agreement.form)
        rules_of.check_draft(clauses, form, case.category, people.there, dates.today(work.now))
        sealer = await keys.writing(work.connection, self.sealer, case)
        await store.supersede(work.connection, case.number)
        agreement = await store.add(
            work.connection, case.number, clauses,
            extent=Extent(request.agreement.extent), form=form, drafted_at=work.now, drafted_by=work.actor,
            sealed=sealer.seal(drafting.sealed_text(request.agreement).SerializeToString()),
        )  # fmt: skip
        await terms.await_signatures(work, case, agreement)
        return await self._told(work, case, agreement, "AgreementDrafted", form=form.name)

    async def GetAgreement(self, request: pb.GetAgreementRequest, context: Context) -> pb.Agreement:
        """Return an agreement without its text."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            return view.agreement(await store.load(connection, case.number, names.ids_of(request.name)[0]))

    async def ListAgreements(self, request: pb.ListAgreementsRequest, context: Context) -> pb.ListAgreementsResponse:
        """Return all agreements of a case."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.parent)
            found = await store.loaded_all(connection, case.number)
        return pb.ListAgreementsResponse(agreements=[view.agreement(each) for each in found])

    async def GetAgreementText(self, request: pb.GetAgreementTextRequest, context: Context) -> pb.AgreementText:
        """Return the sealed text of an agreement; this is logged."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            found = (await self._read(connection, case, request.name))[1]
        self.pulse.beat()
        found.name = request.name
        return found

    async def CompareAgreements(self, request: pb.CompareAgreementsRequest, context: Context) -> pb.AgreementComparison:
        """Return two drafts side by side; this is logged for both."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            if names.number_of(request.base) != case.number:
                raise field_error("base", Reason.INVALID_FIELD, "of another case")
            base = await self._read(connection, case, request.base)
            later = await self._read(connection, case, request.name)
        self.pulse.beat()
        return await asyncio.to_thread(comparing.compared, base, later)

    async def _read(self, connection: Connection, case: Case, name: str) -> tuple[Loaded, pb.AgreementText]:
        """Return an agreement with its text; this is logged."""
        loaded = await store.load(connection, case.number, names.ids_of(name)[0])
        text = pb.AgreementText.FromString(keys.reading(self.sealer, case).open(loaded.row.sealed))
        await self.log_reading(connection, case, name, "AgreementTextRead", agreement=loaded.row.agreement)
        return loaded, text

    @command(pb.Agreement)
    async def AnswerChecklist(self, request: pb.AnswerChecklistRequest, work: Work) -> pb.Agreement:
        """Record answers to the checklist; only the mediator of record may."""
        case, loaded = await self._pending(request, work, mediator=True)
        given = {Question(answer.question): answer.yes for answer in request.answers}
        await store.answer(work.connection, case.number, loaded.row.agreement, given, work.now, work.actor)
        await store.change(work.connection, case.number, loaded.row.agreement, state=loaded.row.state)
        payload = {"yes": sum(given.values()), "no": len(given) - sum(given.values())}
        return await self._told(work, case, loaded.row.agreement, "ChecklistAnswered", **payload)

    @command(pb.Agreement)
    async def AnswerThirdParties(self, request: pb.AnswerThirdPartiesRequest, work: Work) -> pb.Agreement:
        """Record whose interests are affected; if nobody's are, the third-party prompt is settled."""
        case, loaded = await self._pending(request, work, mediator=True)
        settled = request.settled or not request.interests
        await store.change(
            work.connection, case.number, loaded.row.agreement,
            third_interests=list(request.interests), third_settled=settled, third_at=work.now,
        )  # fmt: skip
        payload = {"interests": len(request.interests), "settled": settled}
        return await self._told(work, case, loaded.row.agreement, "ThirdPartiesAnswered", **payload)

    @command(pb.Agreement)
    async def SignAgreement(self, request: pb.SignAgreementRequest, work: Work) -> pb.Agreement:
        """Record signatures; the agreement takes effect once nothing is missing."""
        if record.is_party(work.call):
            await self._signs_itself(work, request)
        case, loaded = await self._pending(request, work)
        row, people = loaded.row, await standing.standing(work.connection, case.number)
        parties = [drafting.party_of(party, case.number) for party in request.parties]
        signer = Signer(request.signer)
        own = people.consented(Step.SETTLEMENT)
        if signer is Signer.GUARDIAN:
            own |= await self._guarded(work, case.number)
        _may_sign(loaded, people, parties, signer, own)
        if (request.manner == sessions_pb2.SIGNING_MANNER_SPOKEN) != (row.form is Form.ORAL):
            raise field_error("manner", Reason.INVALID_FIELD, row.form.name)
        await store.sign(work.connection, row, parties, signer, Manner(request.manner), work.now, work.actor)
        await store.change(work.connection, case.number, row.agreement, state=AgreementState.SIGNING)
        payload = {"parties": parties, "signer": signer.name, "agreement": row.agreement}
        await work.append(NewEvent(case.number, "AgreementSigned", case.unit, payload))
        return await self._after(work, case, row.agreement, people)

    @command(pb.Agreement)
    async def CountersignAgreement(self, request: pb.CountersignAgreementRequest, work: Work) -> pb.Agreement:
        """Record the signature of the mediator of record, or of a second mediator."""
        number = (await self.locked(request.name, work)).number
        second = await panel.second(work.connection, number, work.actor)
        case, loaded = await self._pending(request, work, mediator=second is None)
        row = loaded.row
        rules_of.may_sign(loaded.answered, row.third_settled)
        if second is not None:
            await panel.sign(work.connection, number, row.agreement, second.member, work.now, work.actor)
            await store.change(work.connection, case.number, row.agreement, state=row.state)
        elif row.countersigned_at is not None:
            raise CaseError(Reason.ALREADY_EXISTS, "countersigned")
        else:
            await store.change(
                work.connection, case.number, row.agreement, countersigned_at=work.now, countersigned_by=work.actor
            )
        payload = {"agreement": row.agreement, "member": second.member if second is not None else 0}
        await work.append(NewEvent(case.number, "AgreementCountersigned", case.unit, payload))
        people = await standing.standing(work.connection, case.number)
        return await self._after(work, case, row.agreement, people)

    @command(pb.Agreement)
    async def SealAgreement(self, request: pb.SealAgreementRequest, work: Work) -> pb.Agreement:
        """Record the seal and give the number. If sealed before, only check again whether it takes effect."""
        case, loaded = await self._pending(request, work)
        row = loaded.row
        rules_of.may_sign(loaded.answered, row.third_settled)
        people = await standing.standing(work.connection, case.number)
        if row.seal_at is None:
            signed = {
                Fact.SIGNED_BY_EVERY_PARTY: set(people.there) <= set(loaded.signed),
                Fact.SIGNED_BY_THE_MEDIATOR: row.countersigned_at is not None,
                Fact.SIGNED_BY_EVERY_MEDIATOR: not loaded.unsigned_seconds,
            }
            must_hold(Act.SEAL_AGREEMENT, signed)
            number = await numbers.of_case(work.connection, case, self.mark_of(case.unit), work.now)
            await store.change(
                work.connection,
                case.number,
                row.agreement,
                seal_at=work.now,
                seal_by=work.actor,
                document_number=number,
            )
            payload = {"agreement": row.agreement, "document_number": number}
            await work.append(NewEvent(case.number, "AgreementSealed", case.unit, payload))
        elif not await take_effect(work, case, loaded, people):
            raise CaseError(Reason.ALREADY_EXISTS, "sealed")
        return await self._after(work, case, row.agreement, people)

    @command(pb.Ending)
    async def EndMediation(self, request: pb.EndMediationRequest, work: Work) -> pb.Ending:
        """End a mediation on a ground of the closed list, and issue a notice of rights to each party."""
        case = await self.locked(request.name, work)
        found = await standing.mediation(work.connection, case.number)
        if found is None:
            raise CaseError(Reason.NOT_IN_MEDIATION, case.number)
        agreed = bool(await store.effective(work.connection, case.number))
        ground = Ground(request.ground)
        may_end(ground, found.ended_at is not None, agreed)
        ended = await mediating.end(work, case, found, ended_as(ground, agreed), ground, "MediationEnded")
        told = await routes.open_in(work.connection, self.rules, case)
        return view.ending(case, ended, await store.notices(work.connection, case.number), told)

    async def GetEnding(self, request: pb.GetEndingRequest, context: Context) -> pb.Ending:
        """Return how a mediation ended."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            found = await standing.mediation(connection, case.number)
            told = await routes.open_in(connection, self.rules, case)
            made = await store.notices(connection, case.number)
        return view.ending(case, found, made, told, to_party=record.is_party(current_call()))

    @command(pb.RightsNotice)
    async def ServeNotice(self, request: pb.ServeNoticeRequest, work: Work) -> pb.RightsNotice:
        """Record that a notice of rights was served."""
        case = await self.locked(request.name, work, closed=True)
        party = names.ids_of(request.name)[0]
        found = {row.party: row for row in await store.notices(work.connection, case.number)}
        notice = not_found(found.get(party), request.name)
        if notice.served_at is not None:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        at = instant(request.serve_time) if request.HasField("serve_time") else work.now
        check_service(ServiceMedium(request.medium), request.evidence, at, notice.made_at, work.now)
        served = await store.serve(work.connection, notice, request.medium, request.evidence, at, work.actor)
        await work.append(NewEvent(case.number, "NoticeServed", case.unit, {"party": party}))
        return view.notice(served)

    async def GetMediationResults(
        self, request: pb.GetMediationResultsRequest, context: Context
    ) -> pb.MediationResults:
        """Return the three results, each on its own."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            return await results.of(connection, case, self.time.now())

    async def _pending(self, request: Versioned, work: Work, *, mediator: bool = False) -> tuple[Case, Loaded]:
        """Return case and agreement, locked, of a mediation under way; WRONG_STATE where it binds or is superseded."""
        case = await self.locked(request.name, work)
        loaded = await store.load(work.connection, case.number, names.ids_of(request.name)[0])
        check_etag(loaded.row.version, request.etag)
        state = loaded.row.state
        if state not in store.PENDING:
            raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
        found = await standing.under_way(work.connection, case.number)
        if mediator:
            standing.mediator_only(found, work.actor)
        return case, loaded

    @staticmethod
    async def _signs_itself(work: Work, request: pb.SignAgreementRequest) -> None:
        """Raise unless a party signs only for itself, or its guardian, invited in its place, signs for it."""
        number = (await record.locked(work, request.name)).number
        parties = [drafting.party_of(party, number) for party in request.parties]
        for party in parties:
            record.must_be_own(work.call, await beside.get_party(work.connection, number, party))
        if request.manner != sessions_pb2.SIGNING_MANNER_ELECTRONIC:
            raise field_error("manner", Reason.INVALID_FIELD, "who signs in signs electronically")
        invited = await invitations.find(work.connection, number, parties[0])
        guarded = INVITED in work.call.caller.roles and invited is not None and bool(invited.companion)
        if Signer(request.signer) not in (Signer.SELF, *([Signer.GUARDIAN] if guarded else [])):
            raise field_error("signer", Reason.INVALID_FIELD, "who signs in signs for itself")

    @staticmethod
    async def _guarded(work: Work, number: str) -> set[int]:
        """Return the parties that have a guardian, who signs by law and without their authorisation (民法典 23, 34)."""
        besides = (await beside.besides(work.connection, number, dates.today(work.now))).values()
        return {party for each in besides for party in each.parties if each.serves(party, CompanionRole.GUARDIAN)}

    async def _after(self, work: Work, case: Case, agreement: int, people: PeopleStanding) -> pb.Agreement:
        """Let the agreement take effect if nothing is missing; return it."""
        loaded = await store.load(work.connection, case.number, agreement)
        if loaded.row.state in store.PENDING and await take_effect(work, case, loaded, people):
            loaded = await store.load(work.connection, case.number, agreement)
        return view.agreement(loaded)

    @staticmethod
    async def _told(work: Work, case: Case, agreement: int, kind: str, **payload: object) -> pb.Agreement:
        await work.append(NewEvent(case.number, kind, case.unit, {"agreement": agreement, **payload}))
        return view.agreement(await store.load(work.connection, case.number, agreement))


def _may_sign(loaded: Loaded, people: PeopleStanding, parties: Sequence[int], signer: Signer, own: set[int]) -> None:
    """Raise unless these parties may sign now: checklist done, consents given, both sides present, not yet signed."""
    there = people.there
    rules_of.may_sign(loaded.answered, loaded.row.third_settled)
    rules_of.may_sign_for(signer, parties, there, own)
    alone = people.need_support & set(parties) - own
    if alone:
        raise CaseError(Reason.SUPPORT_NEEDED, ", ".join(f"parties/{party}" for party in sorted(alone)))
    if not {1, 2} <= set(there.values()):
        raise CaseError(Reason.NOT_IN_MEDIATION, loaded.row.number)
    if not loaded.bound <= set(there):
        raise CaseError(Reason.WRONG_STATE, "PARTY_WITHDREW", state="PARTY_WITHDREW")
    if again := set(parties) & set(loaded.signed):
        raise CaseError(Reason.ALREADY_EXISTS, ", ".join(map(str, sorted(again))))
