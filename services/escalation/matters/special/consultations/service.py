"""RPCs of the requesting unit: a consultation is requested, drawn, followed or not, ended."""

from __future__ import annotations

import secrets

from pb.escalation.v1 import consultations_pb2 as pb
from pb.escalation.v1 import consultations_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters import consultation as rules_of
from casework.supervision.matters.consultation import Adoption, ConsultationState
from services.escalation import files
from services.escalation.holders import store as holders
from services.escalation.matters.special.consultations import course, store, waiting
from services.escalation.matters.special.consultations.answering import Answering
from services.escalation.matters.special.experts import store as experts
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import Consultation
from services.escalation.matters.special.servicer import required
from services.escalation.models import File
from services.kit.command import Work, command


class ConsultationServicer(Answering, consultations_pb2_grpc.ConsultationServiceServicer):
    """Serves consultations of experts."""

    @command(pb.Consultation)
    async def AskConsultation(self, request: pb.AskConsultationRequest, work: Work) -> pb.Consultation:
        """Request an expert's opinion on a file without personal data; the named clocks are paused meanwhile."""
        told = request.consultation
        unit = self.known(told.unit, "consultation.unit")
        file = await self._asked_of(request.parent, unit, work)
        asked = required(told, "text", "consultation.text")
        party_units = [self.known(each, f"consultation.party_units[{at}]") for at, each in enumerate(told.party_units)]
        row = await store.add(
            work.connection, file.number, state=ConsultationState.ASKED, unit=unit, field=told.field,
            party_units=party_units, clocks=list(told.clocks), asked_by=work.actor, asked_at=work.now,
            sealed=await self.sealed(work, file, asked),
        )  # fmt: skip
        await store.declare(work.connection, row, {each.expert: each.reason for each in told.conflicts})
        paused = await waiting.pause(work, self.clockwork, row)
        await work.start_clock(
            file.number, course.key(row, course.LIMIT), "consultation", subject=store.consultation_name(row), unit=unit,
            at=work.now,
        )  # fmt: skip
        return await self._told(work, row, "ConsultationAsked", *paused, field=row.field)

    @command(pb.Consultation)
    async def DrawExpert(self, request: pb.DrawExpertRequest, work: Work) -> pb.Consultation:
        """Draw the order in which experts are asked, and ask the first; NO_EXPERT if nobody is suitable.

        A draw is repeated only when everybody in it stepped back or did not answer; they are not drawn again.
        """
        row = await self._own(request, work)
        rules_of.move(row.state, ConsultationState.DRAWN)
        fit = await self._fitting(work, row)
        if not fit:
            raise CaseError(Reason.NO_EXPERT, row.field)
        seed = secrets.token_hex(32)
        row = await store.change(work.connection, row, seed=seed, drawn_at=work.now)
        await store.order(work.connection, row, seed, rules_of.drawn(seed, fit))
        row = await course.ask_next(work, row)
        return await self._told(work, row, "ExpertDrawn", seed=seed, among=len(fit))

    @command(pb.Consultation)
    async def RecordOpinionAdoption(self, request: pb.RecordOpinionAdoptionRequest, work: Work) -> pb.Consultation:
        """Record whether the opinion is followed, and why: it is not binding, but must be answered."""
        row = await self._own(request, work)
        state = rules_of.move(row.state, ConsultationState.ANSWERED)
        if work.actor == row.opinion_by:
            raise CaseError(Reason.SAME_PERSON)
        file, adoption = await files.get(work.connection, row.number), Adoption(request.adoption)
        row = await store.change(
            work.connection, row, state=state, adoption=adoption, adopted_by=work.actor,
            adopted_at=work.now, ended_at=work.now, sealed_adoption=await self.sealed(work, file, request.reason),
        )  # fmt: skip
        await work.stop(row.number, course.key(row, course.ADOPTION))
        return await self._told(work, row, "OpinionAdoptionRecorded", adoption=adoption.name)

    @command(pb.Consultation)
    async def EndConsultation(self, request: pb.EndConsultationRequest, work: Work) -> pb.Consultation:
        """End it before there is an opinion; its clocks are cancelled, paused clocks run on."""
        row = await self._own(request, work)
        state = rules_of.move(row.state, ConsultationState.ENDED)
        row = await store.change(
            work.connection, row, state=state, ended_at=work.now, end_reason=request.reason, expert=""
        )
        await store.drop(work.connection, row)
        await work.stop(row.number, course.key(row, course.LIMIT), met=False)
        await work.stop(row.number, f"{course.key(row, course.ANSWER)}.%", met=False)
        resumed = await waiting.resume(work, self.clockwork, row)
        return await self._told(work, row, "ConsultationEnded", *resumed, reason=request.reason)

    async def _asked_of(self, name: str, unit: str, work: Work) -> File:
        """Return the locked file of the matter or case, if this unit may ask and the caller may act for it.

        About a matter, a unit that has it may ask; about a case, a unit above or below its own.
        """
        number = names.number_of(name)
        if names.collection_of(number) == "matters":
            file, matter = await self.matter(name, work)
            work.call.require(unit)
            if unit not in matters.concerned(matter):
                raise field_error("consultation.unit", Reason.INVALID_FIELD, unit)
            matters.must_be_listed(matter)
            return file
        work.call.require(unit)
        area, tree = names.area_of_number(number), self.rules.units
        if area not in tree or not (tree.contains(area, unit) or tree.contains(unit, area)):
            raise CaseError(Reason.NOT_FOUND, name)
        await store.open_case(work.connection, number)
        return await files.lock(work.connection, number)

    async def _fitting(self, work: Work, row: Consultation) -> list[str]:
        """Return the candidates: nobody concerned, with a conflict, requesting, leading, or asked before."""
        concerned = {row.unit, *row.party_units}
        if names.collection_of(row.number) == "matters":
            concerned |= set(matters.concerned(await matters.get(work.connection, row.number)))
        against = {each.expert for each in await store.conflicts(work.connection, row)}
        before = {each.expert for each in await store.asks(work.connection, row)}
        conflicts = {names.file_name(number) for number in against | before}
        pool = await experts.pool(work.connection, rules_of.pool_of(row.unit), row.field)
        lead = await holders.holder(work.connection, row.number, names.file_name(row.number), "lead")
        return rules_of.fitting(pool, concerned, conflicts, {row.asked_by, lead})
