"""RPCs of lead officials: assigning, recording what they do, handing over."""

from __future__ import annotations

from pb.escalation.v1 import lead_pb2 as pb
from pb.escalation.v1 import lead_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters import lead as rules_of
from casework.supervision.matters.lead import HandOverState, NoteKind
from casework.supervision.matters.task_force import TaskState
from services.escalation.holders import store as holders
from services.escalation.matters.special.forces import store as forces
from services.escalation.matters.special.forces import view as forces_view
from services.escalation.matters.special.leads import course, store, view
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import Lead
from services.escalation.matters.special.plans import store as plans
from services.escalation.matters.special.servicer import SpecialServicer, required
from services.escalation.models import File, Matter
from services.escalation.raising.absences import store as absences
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class LeadServicer(SpecialServicer, lead_pb2_grpc.LeadServiceServicer):
    """Serves lead officials."""

    @command(pb.Lead)
    async def AssignLead(self, request: pb.AssignLeadRequest, work: Work) -> pb.Lead:
        """Assign an official of the unit that keeps the matter, or of one above it."""
        file, matter = await self.matter(request.name, work)
        work.call.require(matter.keeper)
        matters.must_be_listed(matter)
        if await store.find(work.connection, file.number) is not None:
            raise CaseError(Reason.WRONG_STATE, "ASSIGNED", state="ASSIGNED")
        unit = self._above(request.unit, matter)
        row = await store.add(work.connection, file.number, unit=unit, office=request.office, assigned_at=work.now)
        await self._hold(work, row, request.official)
        await course.begin(work, row)
        return await self._told(work, row, "LeadAssigned")

    async def GetLead(self, request: pb.GetLeadRequest, context: Context) -> pb.Lead:
        """Return the lead of a matter, with what was done and what is due."""
        async with self.database.read() as connection:
            row = await self._seen_lead(connection, request.name)
            return await self._shown(connection, row)

    @command(pb.LeadNote)
    async def RecordLeadNote(self, request: pb.RecordLeadNoteRequest, work: Work) -> pb.LeadNote:
        """Record what the lead official, or who stands in for them, did; its clock is met.

        After a monthly note the next month's clock starts.
        """
        file, row = await self._lead(request.parent, work)
        kind, told = NoteKind(request.note.kind), required(request.note, "text", "note.text")
        official, today = await self._official(work.connection, row), dates.today(work.now)
        if not await absences.stands_in(work.connection, work.actor, official, row.unit, today):
            rules_of.must_be_the_lead(work.actor, official)
        rules_of.check_note(kind, request.note.form, row.first_look_at is not None)
        note = await store.add_note(
            work.connection, file.number, kind=kind, form=request.note.form, by=work.actor, at=work.now,
            sealed=await self.sealed(work, file, told),
        )  # fmt: skip
        if kind is NoteKind.MONTHLY:
            row = await course.noted(work, row)
        elif kind is NoteKind.FIRST_LOOK:
            await work.stop(file.number, course.OWN[0])
            row = await store.change(work.connection, row, first_look_at=work.now)
        else:
            await work.stop(file.number, course.OWN[1])
            row = await store.change(work.connection, row, contact_at=row.contact_at or work.now)
        await work.append(NewEvent(file.number, "LeadNoteRecorded", row.unit, {"note": note.note, "kind": kind.name}))
        return view.note(note)

    async def ListLeadNotes(self, request: pb.ListLeadNotesRequest, context: Context) -> pb.ListLeadNotesResponse:
        """Return the notes of a lead, without texts."""
        async with self.database.read() as connection:
            row = await self._seen_lead(connection, request.parent)
            found = await store.notes(connection, row.number)
        return pb.ListLeadNotesResponse(notes=[view.note(each) for each in found])

    async def GetLeadNoteText(self, request: pb.GetLeadNoteTextRequest, context: Context) -> pb.LeadNoteText:
        """Return the text of a note; this is logged."""
        async with self.database.begin() as connection:
            row = await self._seen_lead(connection, request.name)
            note = await store.note(connection, row.number, names.index_of(request.name, "notes"))
            (told,) = await self.read(connection, row.number, note.sealed)
            await self.log_reading(connection, row.number, row.unit, "LeadNoteTextRead", note=note.note)
        self.pulse.beat()
        return pb.LeadNoteText(name=request.name, text=told.decode())

    @command(pb.Lead)
    async def HandOverLead(self, request: pb.HandOverLeadRequest, work: Work) -> pb.Lead:
        """Offer the lead to a successor, with all that is open; an earlier unanswered offer lapses."""
        file, row = await self._lead(request.name, work)
        check_etag(row.version, request.etag)
        matter = await matters.get(work.connection, file.number)
        if request.official == await self._official(work.connection, row):
            raise field_error("official", Reason.INVALID_FIELD, "holds it now")
        await self._withdraw(work, file)
        running = [each for each in await matters.running(work.connection, file.number) if each.due_at]
        offered = await store.offer(
            work.connection, file.number, from_unit=row.unit, to_unit=self._above(request.unit, matter),
            successor=request.official, office=request.office, reason=request.reason, offered_at=work.now,
            open_items=await self._open(work.connection, file.number), clocks=[each.id for each in running],
            dues=[each.due_at for each in running], sealed=await self.sealed(work, file, request.text),
        )  # fmt: skip
        row = await store.change(work.connection, row, unit=row.unit)
        await work.start_clock(
            file.number, f"{course.HAND_OVER}-{offered.hand_over}", "lead_hand_over",
            subject=view.lead_name(row.number), unit=offered.to_unit, at=work.now,
        )  # fmt: skip
        return await self._told(work, row, "LeadOffered", hand_over=offered.hand_over)

    @command(pb.Lead)
    async def AnswerLeadHandOver(self, request: pb.AnswerLeadHandOverRequest, work: Work) -> pb.Lead:
        """Accept or decline, as the successor. Clocks run on, from now on under the successor's unit."""
        file, matter = await self.matter(request.name, work)
        row = await store.get(work.connection, file.number)
        offered = await store.offered(work.connection, file.number)
        work.call.require_any(unit for unit in (matter.keeper, row.unit, offered and offered.to_unit) if unit)
        check_etag(row.version, request.etag)
        _must_go_on(row)
        if offered is None:
            raise CaseError(Reason.WRONG_STATE, "NOT_OFFERED", state="NOT_OFFERED")
        rules_of.must_be_the_lead(work.actor, offered.successor)
        state = HandOverState.ACCEPTED if request.accepted else HandOverState.DECLINED
        await store.answer(work.connection, offered, state=state, answered_at=work.now)
        await work.stop(file.number, f"{course.HAND_OVER}-{offered.hand_over}")
        changed = {"unit": offered.to_unit, "office": offered.office} if request.accepted else {"unit": row.unit}
        row = await store.change(work.connection, row, **changed)
        if request.accepted:
            await self._hold(work, row, offered.successor)
            await course.move_clocks(work, file.number, row.unit)
        return await self._told(work, row, "LeadHandOverAnswered", hand_over=offered.hand_over, state=state.name)

    async def ListLeadHandOvers(
        self, request: pb.ListLeadHandOversRequest, context: Context
    ) -> pb.ListLeadHandOversResponse:
        """Return the hand-overs of a lead, each with what was open at that time."""
        async with self.database.read() as connection:
            row = await self._seen_lead(connection, request.parent)
            found = await store.hand_overs(connection, row.number)
        return pb.ListLeadHandOversResponse(hand_overs=[view.hand_over(each) for each in found])

    async def GetLeadHandOverText(
        self, request: pb.GetLeadHandOverTextRequest, context: Context
    ) -> pb.LeadHandOverText:
        """Return the text for a successor, who may read it before answering; this is logged."""
        async with self.database.begin() as connection:
            number = names.number_of(request.name)
            row = await store.get(connection, number)
            offered = await store.hand_over(connection, number, names.index_of(request.name, "handOvers"))
            matter = await matters.get(connection, number)
            current_call().require_any({matter.keeper, row.unit, offered.from_unit, offered.to_unit})
            (told,) = await self.read(connection, number, offered.sealed)
            await self.log_reading(connection, number, row.unit, "LeadHandOverRead", hand_over=offered.hand_over)
        self.pulse.beat()
        return pb.LeadHandOverText(name=request.name, text=told.decode())

    async def _lead(self, name: str, work: Work) -> tuple[File, Lead]:
        """Return the file, locked, and the lead, if the caller may act for the keeper or the lead's unit."""
        file, matter = await self.matter(name, work)
        row = await store.get(work.connection, file.number)
        work.call.require_any({matter.keeper, row.unit})
        _must_go_on(row)
        return file, row

    async def _seen_lead(self, connection: Connection, name: str) -> Lead:
        row = await store.get(connection, names.number_of(name))
        await self.seen(connection, name, [row.unit])
        return row

    @staticmethod
    async def _withdraw(work: Work, file: File) -> None:
        """Let an unanswered offer lapse: silence must not prevent a hand-over."""
        if (before := await store.offered(work.connection, file.number)) is not None:
            await store.answer(work.connection, before, state=HandOverState.WITHDRAWN, answered_at=work.now)
            await work.stop(file.number, f"{course.HAND_OVER}-{before.hand_over}", met=False)

    def _above(self, name: str, matter: Matter) -> str:
        unit = self.known(name, "unit")
        rules_of.must_lie_above(unit, self.rules.units.path(matter.keeper))
        return unit

    @staticmethod
    async def _official(connection: Connection, row: Lead) -> str:
        return await holders.holder(connection, row.number, names.file_name(row.number), course.ROLE)

    @staticmethod
    async def _hold(work: Work, row: Lead, official: str) -> None:
        await holders.assign(
            work.connection, row.number, names.file_name(row.number), course.ROLE, unit=row.unit, official=official,
            at=work.now,
        )  # fmt: skip

    @staticmethod
    async def _open(connection: Connection, number: str) -> list[str]:
        """Return what is open in a matter, by resource name: measures, then tasks of the task force."""
        open_tasks = [task for task in await forces.tasks(connection, number) if task.state is not TaskState.DONE]
        return [*await plans.open_measures(connection, number), *map(forces_view.task_name, open_tasks)]

    async def _shown(self, connection: Connection, row: Lead) -> pb.Lead:
        running = [
            each for keys in course.OWN for each in await matters.running(connection, row.number, keys) if each.due_at
        ]
        running.sort(key=lambda each: (each.due_at, each.id))
        return view.lead(
            row, await self._official(connection, row), running, await store.offered(connection, row.number)
        )

    async def _told(self, work: Work, row: Lead, kind: str, **payload: object) -> pb.Lead:
        await work.append(NewEvent(row.number, kind, row.unit, {"unit": row.unit, **payload}))
        return await self._shown(work.connection, row)


def _must_go_on(row: Lead) -> None:
    """Raise WRONG_STATE once the matter is over."""
    if row.ended_at is not None:
        raise CaseError(Reason.WRONG_STATE, "ENDED", state="ENDED")
