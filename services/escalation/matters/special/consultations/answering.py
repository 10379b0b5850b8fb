"""RPCs of the drawn expert: accepting, stepping back, signing; and those that change nothing."""

from __future__ import annotations

from pb.escalation.v1 import consultations_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.matters import consultation as rules_of
from casework.supervision.matters import lead as leading
from casework.supervision.matters.consultation import AskState, ConsultationState, Recusal
from services.escalation import files
from services.escalation.holders import store as holders
from services.escalation.matters.special.consultations import course, store, view, waiting
from services.escalation.matters.special.experts import store as experts
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import Consultation
from services.escalation.matters.special.servicer import SpecialServicer
from services.kit.clocks import clocks
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class Answering(SpecialServicer):
    """The RPCs of the drawn expert, and those that read consultations."""

    @command(pb.Consultation)
    async def AcceptConsultation(self, request: pb.AcceptConsultationRequest, work: Work) -> pb.Consultation:
        """Accept, as the expert who was drawn."""
        row = await self._mine(request, work)
        state = rules_of.move(row.state, ConsultationState.ACCEPTED)
        ask = await store.ask_in(work.connection, row, AskState.ASKED)
        assert ask is not None, "whoever was drawn was asked"
        await store.answer(work.connection, ask, state=AskState.ACCEPTED, answered_at=work.now)
        await work.stop(row.number, course.key(row, course.ANSWER, ask.place))
        await clocks.take(work.connection, row.number, course.key(row, course.LIMIT), work.actor)
        row = await store.change(work.connection, row, state=state)
        return await self._told(work, row, "ConsultationAccepted", place=ask.place)

    @command(pb.Consultation)
    async def RecuseConsultation(self, request: pb.RecuseConsultationRequest, work: Work) -> pb.Consultation:
        """Step back, before or after accepting; the next expert of the draw is asked."""
        row = await self._mine(request, work)
        rules_of.may_recuse(row.state)
        ask = await store.ask_in(work.connection, row, AskState.ASKED, AskState.ACCEPTED)
        assert ask is not None, "whoever was drawn was asked"
        await store.answer(work.connection, ask, state=AskState.RECUSED, reason=request.reason, answered_at=work.now)
        await work.stop(row.number, course.key(row, course.ANSWER, ask.place))
        row = await course.ask_next(work, row)
        return await self._told(work, row, "ExpertRecused", place=ask.place, reason=Recusal(request.reason).name)

    @command(pb.Consultation)
    async def SignOpinion(self, request: pb.SignOpinionRequest, work: Work) -> pb.Consultation:
        """Sign the opinion, which is advice. Paused clocks run on; the unit must answer it within five days."""
        row = await self._mine(request, work)
        state = rules_of.move(row.state, ConsultationState.OPINED)
        lead = await holders.holder(work.connection, row.number, names.file_name(row.number), "lead")
        leading.must_not_be_the_lead(work.actor, lead, leading.Barred.expert_opinion)
        file = await files.get(work.connection, row.number)
        row = await store.change(
            work.connection, row, state=state, opinion_by=work.actor, opinion_at=work.now,
            sealed_opinion=await self.sealed(work, file, request.text),
        )  # fmt: skip
        await work.stop(row.number, course.key(row, course.LIMIT))
        resumed = await waiting.resume(work, self.clockwork, row)
        await work.start_clock(
            row.number, course.key(row, course.ADOPTION), "opinion_adoption", subject=store.consultation_name(row),
            unit=row.unit, at=work.now,
        )  # fmt: skip
        return await self._told(work, row, "OpinionSigned", *resumed)

    async def GetConsultation(self, request: pb.GetConsultationRequest, context: Context) -> pb.Consultation:
        """Return a consultation."""
        async with self.database.begin() as connection:
            return await self._shown(connection, await self._looked_at(connection, request.name))

    async def ListConsultations(
        self, request: pb.ListConsultationsRequest, context: Context
    ) -> pb.ListConsultationsResponse:
        """Return the consultations of a matter or a case that the caller may see."""
        number, call = names.number_of(request.parent), current_call()
        async with self.database.read() as connection:
            await files.get(connection, number)
            found = await store.of_file(connection, number)
            if names.collection_of(number) == "matters":
                await self.seen(connection, request.parent)
            else:
                call.require_any({names.area_of_number(number), *(row.unit for row in found)})
                found = [row for row in found if call.access.allows(call.caller, call.permission, row.unit)]
            shown = [await self._shown(connection, row) for row in found]
        return pb.ListConsultationsResponse(consultations=shown)

    async def GetExpertDraw(self, request: pb.GetExpertDrawRequest, context: Context) -> pb.ExpertDraw:
        """Return the draw, so that everybody who may read the consultation can verify it."""
        async with self.database.begin() as connection:
            row = await self._looked_at(connection, request.name)
            return view.draw(row, await store.asks(connection, row))

    async def GetConsultationText(
        self, request: pb.GetConsultationTextRequest, context: Context
    ) -> pb.ConsultationText:
        """Return questions and file to the requesting unit or the drawn expert; this is logged."""
        async with self.database.begin() as connection:
            row = await self._read_by(connection, request.name)
            (told,) = await self.read(connection, row.number, row.sealed)
            await self._log(connection, row, "ConsultationTextRead")
        self.pulse.beat()
        found = pb.ConsultationText.FromString(told)
        found.name = request.name
        return found

    async def GetExpertOpinion(self, request: pb.GetExpertOpinionRequest, context: Context) -> pb.ExpertOpinion:
        """Return the opinion and the comment on it; this is logged."""
        async with self.database.begin() as connection:
            row = await self._read_by(connection, request.name)
            if row.opinion_at is None:
                raise CaseError(Reason.WRONG_STATE, "NOT_SIGNED", state="NOT_SIGNED")
            opinion, reason = await self.read(connection, row.number, row.sealed_opinion, row.sealed_adoption)
            await self._log(connection, row, "ExpertOpinionRead")
        self.pulse.beat()
        return pb.ExpertOpinion(
            name=request.name, text=opinion.decode(), binding=False, expert=names.file_name(row.expert),
            adoption_reason=reason.decode(), sign_time=stamp(row.opinion_at), **numbers(adoption=row.adoption or 0),
        )  # fmt: skip

    async def _own(self, request: Versioned, work: Work) -> Consultation:
        """Return a consultation, its file locked, if the caller acts for the requesting unit."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number, names.index_of(request.name))
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row

    async def _mine(self, request: Versioned, work: Work) -> Consultation:
        """Return a consultation, its file locked, if the caller is the expert who was drawn."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number, names.index_of(request.name))
        await self._must_be_expert(work.connection, work.call, row, request.etag)
        return row

    @staticmethod
    async def _must_be_expert(connection: Connection, call: Call, row: Consultation, etag: str = "") -> None:
        """Raise NOT_THE_EXPERT unless the caller is the drawn expert."""
        expert = await experts.get(connection, row.expert) if row.expert else None
        call.require(expert.unit if expert else row.unit)
        check_etag(row.version, etag)
        if expert is None or expert.account != call.caller.subject:
            raise CaseError(Reason.NOT_THE_EXPERT)

    async def _looked_at(self, connection: Connection, name: str) -> Consultation:
        """Return a consultation, if the caller may read it: for the requesting, the matter's or the expert's unit."""
        number = names.number_of(name)
        row = await store.get(connection, number, names.index_of(name, "consultations"))
        units = {row.unit}
        if names.collection_of(number) == "matters":
            units |= set(matters.concerned(await matters.get(connection, number)))
        if row.expert:
            units.add((await experts.get(connection, row.expert)).unit)
        current_call().require_any(units)
        return row

    async def _read_by(self, connection: Connection, name: str) -> Consultation:
        """Return a consultation whose texts the caller may read: for the requesting unit, or as the drawn expert."""
        call = current_call()
        row = await store.get(connection, names.number_of(name), names.index_of(name, "consultations"))
        if call.access.allows(call.caller, call.permission, row.unit):
            call.require(row.unit)
        else:
            await self._must_be_expert(connection, call, row)
        return row

    async def _log(self, connection: Connection, row: Consultation, kind: str) -> None:
        await self.log_reading(connection, row.number, row.unit, kind, consultation=row.consultation)

    async def _shown(self, connection: Connection, row: Consultation) -> pb.Consultation:
        return view.consultation(row, await store.conflicts(connection, row), await store.paused(connection, row))

    async def _told(
        self, work: Work, row: Consultation, kind: str, *also: NewEvent, **payload: object
    ) -> pb.Consultation:
        told = {"consultation": row.consultation, **payload}
        await work.append(NewEvent(row.number, kind, row.unit, told), *also)
        return await self._shown(work.connection, row)
