"""The RPCs of mediators: their register, and how a case gets the one both sides accept."""

from __future__ import annotations

from typing import Any

from pb.mediation.v1 import consent_pb2, mediators_pb2_grpc
from pb.mediation.v1 import mediators_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import choosing
from casework.mediation import course as rules_of
from casework.mediation.choosing import BARRED_TO_MEDIATOR, AskState, ChoicePhase, LeavingReason, ranked
from casework.mediation.course import MediationState, move
from services.kit.clocks import clocks
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving import masks
from services.kit.serving.access import Context, current_call
from services.kit.serving.validation import must_say
from services.kit.storage import paging
from services.mediation import record
from services.mediation.consents import store as mediations
from services.mediation.consents import view as mediation_view
from services.mediation.course import finding, mediating
from services.mediation.mediators import store, view
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import Ask, Mediator
from services.mediation.panel import asking
from services.mediation.people import store as people
from services.mediation.servicer import Servicer

_APPOINT = "mediations.appointMediator"
"""Who holds this sees how many cases a candidate mediates."""


class MediatorServicer(Servicer, mediators_pb2_grpc.MediatorServiceServicer):
    """Serves the register, choice, appointment, answers, replacement."""

    body_key_name = "requests of mediators"

    @command(pb.Mediator)
    async def CreateMediator(self, request: pb.CreateMediatorRequest, work: Work) -> pb.Mediator:
        """Enter a mediator in the register of a unit."""
        columns = self._columns(request.mediator)
        work.call.require(columns["unit"])
        row = await store.add(
            work.connection, mediator=request.mediator_id, subject=request.mediator.user, updated_at=work.now,
            updated_by=work.actor, **columns,
        )  # fmt: skip
        return view.mediator(row)

    async def GetMediator(self, request: pb.GetMediatorRequest, context: Context) -> pb.Mediator:
        """Return an entry of the register."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.last(request.name))
        current_call().require(row.unit)
        return view.mediator(row)

    async def ListMediators(self, request: pb.ListMediatorsRequest, context: Context) -> pb.ListMediatorsResponse:
        """Return mediators of the caller's units, by name."""
        scope = current_call().scope(names.last(request.unit))
        size, behind = request.page_size or 50, paging.read(request.page_token, "mediators", paging.key) or ""
        async with self.database.read() as connection:
            rows = await store.listed(
                connection, paging.subtree(scope), request.language, request.category.removeprefix("categories/"),
                behind, size + 1,
            )  # fmt: skip
        reply = pb.ListMediatorsResponse(mediators=[view.mediator(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "mediators", lambda end: end.mediator)
        return reply

    @command(pb.Mediator)
    async def UpdateMediator(self, request: pb.UpdateMediatorRequest, work: Work) -> pb.Mediator:
        """Change an entry; cases under way stay where they are."""
        if not request.mediator.name:
            raise field_error("mediator.name", Reason.INVALID_FIELD)
        row = await store.get(work.connection, names.last(request.mediator.name), lock=True)
        work.call.require(row.unit)
        check_etag(row.version, request.mediator.etag)
        paths = masks.changes(request, view.mediator(row))
        if "active" in paths:
            must_say(request.mediator, "active", "mediator.active")
        whole = view.mediator(row)
        for path in paths:
            whole.ClearField(path)
        whole.MergeFrom(pb.Mediator(**{path: getattr(request.mediator, path) for path in paths}))
        columns = {path: value for path, value in self._columns(whole).items() if path in paths}
        if "unit" in columns:
            work.call.require(columns["unit"])
        changed = await store.change(
            work.connection, row.mediator, updated_at=work.now, updated_by=work.actor, **columns
        )
        return view.mediator(changed)

    async def ListCandidates(self, request: pb.ListCandidatesRequest, context: Context) -> pb.ListCandidatesResponse:
        """Return who could mediate a case, most suitable first, with the conflicts of each."""
        async with self.database.begin() as connection:
            case = await record.seen(connection, request.parent)
            row = await mediations.get(connection, case.number)
            found = await store.candidates(connection, case.unit, request.language)
            against = await store.against(connection, self.sealer, case, row.round)
            load = await store.load(connection, [each.subject for each, _ in found.values()])
        order = ranked((each for each, _ in found.values()), case.category, load, against)[:100]
        call = current_call()
        chooses = call.access.allows(call.caller, _APPOINT, case.unit)
        return pb.ListCandidatesResponse(
            candidates=[
                view.candidate(
                    found[each.mediator][1], each, case.category, conflict, call.language,
                    load.get(each.subject, 0) if chooses else None,
                )
                for each, conflict in order
            ]
        )  # fmt: skip

    @command(consent_pb2.Mediation)
    async def ChooseMediator(self, request: pb.ChooseMediatorRequest, work: Work) -> consent_pb2.Mediation:
        """Record a party's choice; the mediator whom both sides chose is asked."""
        case, row = await self._mediation(request.name, work)
        party = await people.get_party(work.connection, case.number, names.index_of(request.name))
        record.must_be_own(work.call, party)
        mediator = await self._free(work, case, row, request.mediator)
        rules_of.must_be(row.state, MediationState.CONSENTED)
        choosing.must_be_in(row.phase, ChoicePhase.PARTIES, ChoicePhase.UNIT)
        rules_of.must_be_there(party.withdrawn_at)
        await store.choose(work.connection, case.number, row.round, party.party, mediator.mediator, work.now)
        await mediating.tell(work, case, row, "MediatorPreferred", party=party.party)
        standing = await people.standing(work.connection, case.number)
        choices = await store.choices(work.connection, case.number, row.round)
        if choosing.both_chose(standing, choices) == mediator.mediator:
            row = await finding.ask(work, case, row, mediator, "MediatorChosen")
        elif row.phase is ChoicePhase.PARTIES and choosing.sides_differ(standing, choices):
            # They may still agree; until then the unit need not wait for their two days (人民调解法 19).
            row = await finding.let_unit_appoint(work, case, row)
        return await self._answer(work, row)

    @command(consent_pb2.Mediation)
    async def AppointMediator(self, request: pb.AppointMediatorRequest, work: Work) -> consent_pb2.Mediation:
        """Appoint a mediator, once the parties' two days are over or they chose different ones."""
        case, row = await self._mediation(request.name, work)
        check_etag(row.version, request.etag)
        mediator = await self._free(work, case, row, request.mediator)
        rules_of.must_be(row.state, MediationState.CONSENTED)
        standing = await people.standing(work.connection, case.number)
        choices = await store.choices(work.connection, case.number, row.round)
        if not choosing.sides_differ(standing, choices):
            choosing.must_be_in(row.phase, ChoicePhase.UNIT)
        row = await finding.ask(work, case, row, mediator, "MediatorAppointed")
        if request.second_mediator:
            second = await store.get(work.connection, names.last(request.second_mediator))
            against = await store.against(work.connection, self.sealer, case, row.round)
            await asking.second(work, case, row, second, against, "second_mediator")
        return await self._answer(work, row)

    @command(consent_pb2.Mediation)
    async def AcceptMediation(self, request: pb.AcceptMediationRequest, work: Work) -> consent_pb2.Mediation:
        """Accept, and begin; who discloses a conflict is replaced by the next (人民调解法 15; 特邀 15)."""
        case, row, asked = await self._asked(request, work)
        told = request.disclosure
        disclosed = {"kin": told.kin, "interest": told.interest, "prior_role": told.prior_role}
        if any(disclosed.values()):
            await store.answer(work.connection, case.number, asked.ask, AskState.DISCLOSED, work.now, **disclosed)
            await mediating.tell(work, case, row, "MediatorDisclosed", mediator=names.mediator_name(asked.mediator))
            return await self._answer(work, await finding.move_on(work, case, row, self.sealer))
        against = await store.against(work.connection, self.sealer, case, row.round)
        choosing.must_be_free(asked.subject, asked.unit, against)
        await store.answer(work.connection, case.number, asked.ask, AskState.ACCEPTED, work.now)
        await work.stop(case.number, mediating.FINDING)
        await people.bar(work.connection, case.number, asked.subject, sorted(BARRED_TO_MEDIATOR), work.now)
        await asking.make_room(work, case, asked.subject)
        row = await mediations.change(
            work.connection, case.number, phase=ChoicePhase.FIXED, mediator=asked.subject,
            mediator_unit=asked.unit, state=move(row.state, MediationState.MEDIATING),
        )  # fmt: skip
        await clocks.take(work.connection, case.number, mediating.TERMS, asked.subject)
        await mediating.tell(
            work, case, row, "MediationStarted", wakes=True, mediator=names.mediator_name(asked.mediator)
        )
        return await self._answer(work, row)

    @command(consent_pb2.Mediation)
    async def DeclineMediation(self, request: pb.DeclineMediationRequest, work: Work) -> consent_pb2.Mediation:
        """Decline; the next mediator is asked."""
        case, row, asked = await self._asked(request, work)
        await store.answer(work.connection, case.number, asked.ask, AskState.DECLINED, work.now)
        await mediating.tell(work, case, row, "MediatorDeclined", mediator=names.mediator_name(asked.mediator))
        return await self._answer(work, await finding.move_on(work, case, row, self.sealer))

    @command(consent_pb2.Mediation)
    async def ReplaceMediator(self, request: pb.ReplaceMediatorRequest, work: Work) -> consent_pb2.Mediation:
        """Replace the mediator: one party's request is enough. Nothing says which party it was."""
        case, row = await self._mediation(request.name, work)
        party = await people.get_party(work.connection, case.number, names.index_of(request.name))
        record.must_be_own(work.call, party)
        if record.is_party(work.call):
            work.told_by = record.A_PARTY
        rules_of.must_be(row.state, MediationState.CONSENTED, MediationState.MEDIATING)
        choosing.must_be_in(row.phase, ChoicePhase.ASKED, ChoicePhase.FIXED)
        rules_of.must_be_there(party.withdrawn_at)
        asked = await store.asked(work.connection, case.number, AskState.ASKED, AskState.ACCEPTED)
        await store.answer(work.connection, case.number, asked.ask, AskState.REPLACED, work.now)
        return await self._sought_again(work, case, row, "MediatorReplaced", mediator=asked.mediator)

    @command(consent_pb2.Mediation)
    async def RelieveMediator(self, request: pb.RelieveMediatorRequest, work: Work) -> consent_pb2.Mediation:
        """End the part of the mediator of record, who steps down or is relieved; the parties choose again."""
        case, row = await self._mediation(request.name, work)
        check_etag(row.version, request.etag)
        rules_of.must_be(row.state, MediationState.CONSENTED, MediationState.MEDIATING)
        choosing.must_be_in(row.phase, ChoicePhase.FIXED)
        asked = await store.asked(work.connection, case.number, AskState.ACCEPTED)
        reason = LeavingReason(request.reason)
        conflict = {"interest": True} if reason is LeavingReason.CONFLICT else {}
        state = choosing.RELIEVED_AS[reason]
        await store.answer(work.connection, case.number, asked.ask, state, work.now, **conflict)
        return await self._sought_again(
            work, case, row, "MediatorRelieved", mediator=asked.mediator, reason=reason.name
        )

    async def _sought_again(
        self, work: Work, case: Case, row: Mediation, kind: str, *, mediator: str, **payload: str
    ) -> consent_pb2.Mediation:
        """Let the parties choose again, and return the mediation."""
        await work.stop(case.number, mediating.FINDING, met=False)
        await clocks.take(work.connection, case.number, mediating.TERMS, "")
        payload["mediator"] = names.mediator_name(mediator)
        await mediating.tell(work, case, row, kind, wakes=False, **payload)
        return await self._answer(work, await mediating.find(work, case, row))

    def _columns(self, mediator: pb.Mediator) -> dict[str, Any]:
        """Return the columns of an entry; INVALID_FIELD or UNKNOWN_UNIT naming what is wrong."""
        unit = names.last(mediator.unit)
        areas = [names.last(area) for area in mediator.areas] or [unit.partition("-")[0]]
        for field, codes in (("mediator.unit", [unit]), ("mediator.areas", areas)):
            for code in codes:
                if code not in self.rules.units:
                    raise field_error(field, Reason.UNKNOWN_UNIT, code)
        specialities = [category.removeprefix("categories/") for category in mediator.specialities]
        if any(category not in self.rules.categories for category in specialities):
            raise field_error("mediator.specialities", Reason.UNKNOWN_CATEGORY)
        return {
            "display_name": mediator.display_name,
            "unit": unit,
            "areas": areas,
            "languages": list(mediator.languages),
            "specialities": specialities,
            "active": mediator.active or not mediator.HasField("active"),
        }

    async def _mediation(self, name: str, work: Work) -> tuple[Case, Mediation]:
        """Return case, locked, and mediation, if the caller may act in it."""
        case = await record.locked(work, name)
        return case, await mediations.get(work.connection, case.number)

    async def _free(self, work: Work, case: Case, row: Mediation, name: str) -> Mediator:
        """Return a mediator who takes cases and has no conflict in this one."""
        mediator = await store.get(work.connection, names.last(name))
        if not mediator.active:
            raise field_error("mediator", Reason.INVALID_FIELD)
        against = await store.against(work.connection, self.sealer, case, row.round)
        choosing.must_be_free(mediator.subject, mediator.unit, against)
        return mediator

    async def _asked(self, request: Versioned, work: Work) -> tuple[Case, Mediation, Ask]:
        """Return case, mediation and request, if the caller is the mediator who was asked."""
        case, row = await self._mediation(request.name, work)
        check_etag(row.version, request.etag)
        rules_of.must_be(row.state, MediationState.CONSENTED)
        choosing.must_be_in(row.phase, ChoicePhase.ASKED)
        asked = await store.asked(work.connection, case.number, AskState.ASKED)
        if asked.subject != work.actor:
            raise CaseError(Reason.NOT_THE_MEDIATOR)
        return case, row, asked

    @staticmethod
    async def _answer(work: Work, row: Mediation) -> consent_pb2.Mediation:
        return mediation_view.mediation(row, await people.standing(work.connection, row.number))
