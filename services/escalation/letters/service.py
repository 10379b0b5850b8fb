"""RPCs of supervision letters. Whoever drafts does not sign; whoever signed does not decide an objection."""

from __future__ import annotations

from pb.escalation.v1 import letters_pb2 as pb
from pb.escalation.v1 import letters_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.letters import letter as rules_of
from casework.supervision.letters.letter import SERIES, Failure, LetterKind, LetterState, Objection, Part
from casework.supervision.raising.subject import must_be_matter
from services.escalation.holders import store as holders
from services.escalation.letters import course, drafting, store, timing, view
from services.escalation.letters.course import told
from services.escalation.letters.models import Letter
from services.escalation.letters.reading import LetterReading
from services.kit import dates
from services.kit.command import Work, command
from services.kit.storage import numbering


class LetterServicer(LetterReading, letters_pb2_grpc.LetterServiceServicer):
    """Serves supervision letters."""

    @command(pb.Letter)
    async def DraftLetter(self, request: pb.DraftLetterRequest, work: Work) -> pb.Letter:
        """Draft a letter from a unit to one under it."""
        asked, today = request.letter, dates.today(work.now)
        issuer, unit, kind = names.last(asked.issuer), names.last(asked.unit), LetterKind(asked.kind)
        must_be_matter("letter.subject", asked.subject)
        rules_of.may_address(self.rules.units, issuer, unit)
        work.call.require(issuer)
        self.must_write(work, issuer)
        copies = rules_of.copies(self.rules.units, kind, issuer, unit, [names.last(each) for each in asked.copies])
        interview_on = self.read_interview(asked, "letter.interview_date", asked.kind, today)
        due_on = self.read_wording(request.wording, today)
        file = await self.opened(work, drafting.COLLECTION, issuer)
        row = await store.add(
            work.connection, file.number, kind=kind, issuer=issuer, unit=unit, subject=asked.subject,
            copies=copies, interview_on=interview_on, due_on=due_on, drafters=[work.actor], drafted_at=work.now,
        )  # fmt: skip
        await self.keep(work, row, Part.WORDS, request.wording.SerializeToString())
        await self._hold(work, row, course.DRAFTER, issuer)
        await timing.start(work, row, timing.DRAFT)
        return _inside(await told(work, row, "LetterDrafted", subject=row.subject))

    @command(pb.Letter)
    async def EditDraft(self, request: pb.EditDraftRequest, work: Work) -> pb.Letter:
        """Take up or edit a draft: the caller becomes its author, and somebody else must sign."""
        row, today = await self.written(request, work, LetterState.DRAFTED), dates.today(work.now)
        asked = [names.last(each) for each in request.copies]
        copies = rules_of.copies(self.rules.units, row.kind, row.issuer, row.unit, asked)
        interview_on = self.read_interview(request, "interview_date", row.kind, today)
        due_on = self.read_wording(request.wording, today)
        if not row.drafters:
            await self._hold(work, row, course.DRAFTER, row.issuer)
        drafters = [*row.drafters, *({work.actor} - set(row.drafters))]
        row = await store.change(
            work.connection, row, drafters=drafters, copies=copies, interview_on=interview_on, due_on=due_on,
            proposed=None,
        )  # fmt: skip
        await self.keep(work, row, Part.WORDS, request.wording.SerializeToString())
        return _inside(await told(work, row, "LetterEdited"))

    @command(pb.Letter)
    async def DiscardDraft(self, request: pb.DiscardDraftRequest, work: Work) -> pb.Letter:
        """Discard a draft."""
        row = await self.written(request, work)
        await self.write(work, row, Part.DISCARD, request.reason)
        return _inside(await course.end(work, row, LetterState.DISCARDED, "LetterDiscarded"))

    @command(pb.Letter)
    async def RecordHearing(self, request: pb.RecordHearingRequest, work: Work) -> pb.Letter:
        """Record the statement of the unit before a circular."""
        row = await self.issued(request, work, LetterState.DRAFTED)
        if row.kind is not LetterKind.CIRCULAR:
            raise CaseError(Reason.WRONG_STATE, row.kind.name, state=row.state.name)
        await self.write(work, row, Part.HEARING, request.statement)
        row = await store.change(work.connection, row, heard=True)
        return _inside(await told(work, row, "LetterHearingRecorded"))

    @command(pb.Letter)
    async def ApproveLetter(self, request: pb.ApproveLetterRequest, work: Work) -> pb.Letter:
        """Sign a letter: a person who did not draft it, as an officer of the issuer. It gets its number here."""
        row = await self.issued(request, work)
        state, kind = rules_of.move(row.state, LetterState.APPROVED), row.kind
        rules_of.may_approve(kind, row.drafters, work.actor, row.heard)
        assert row.due_on is not None, "a draft says by when"
        if row.due_on <= dates.today(work.now):
            raise CaseError(Reason.FACTS_MISSING, "due_date", lacking="due_date")
        if row.previous:
            before = await store.get(work.connection, row.previous)
            rules_of.no_objection_open(before.objection)
        await timing.meet(work, row, timing.DRAFT)
        await timing.start(work, row, timing.SERVICE)
        mark = self.rules.units.paper(row.issuer).mark
        number = await numbering.take(work.connection, SERIES[kind], row.issuer, mark, work.now)
        row = await store.change(
            work.connection, row, state=state, approver=work.actor, office=request.office,
            approved_at=work.now, document_number=number,
        )  # fmt: skip
        return _inside(await told(work, row, "LetterApproved", office=pb.LetterOffice.Name(request.office)))

    @command(pb.Letter)
    async def ServeLetter(self, request: pb.ServeLetterRequest, work: Work) -> pb.Letter:
        """Serve a signed letter: from now on the unit, and units that get a copy, can see it."""
        row = await self.issued(request, work)
        state = rules_of.move(row.state, LetterState.SERVED)
        calendar = self.clockwork.calendars.of(row.unit)
        rules_of.may_announce(calendar, dates.today(work.now), row.interview_on)
        await timing.meet(work, row, timing.SERVICE)
        await timing.start(work, row, timing.RECEIPT)
        row = await store.change(work.connection, row, state=state, served_at=work.now, manner=request.manner)
        await store.show_to(work.connection, row.number, [row.unit, *row.copies])
        return _inside(await told(work, row, "LetterServed", unit=row.unit))

    @command(pb.Letter)
    async def ConfirmReceipt(self, request: pb.ConfirmReceiptRequest, work: Work) -> pb.Letter:
        """Confirm receipt of a letter."""
        row = await self.addressed(request, work)
        rules_of.move(row.state, LetterState.RECEIVED)
        await timing.meet(work, row, timing.RECEIPT)
        await self._hold(work, row, course.ANSWERER, row.unit)
        return _outside(await course.receive(work, row, deemed=False))

    @command(pb.Letter)
    async def HoldInterview(self, request: pb.HoldInterviewRequest, work: Work) -> pb.Letter:
        """Record an interview that was held: the unit has five working days for a plan."""
        row, held_on = await self.issued(request, work), dates.read(request.hold_date, "hold_date")
        rules_of.no_objection_open(row.objection)
        rules_of.may_hold(
            row.kind, row.state, row.interview_on, held_on, dates.today(work.now),
            agreed=bool(request.agreement),
        )  # fmt: skip
        if row.held_on is not None:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        assert row.received_at is not None, "an interview is held after the letter was received"
        if held_on < dates.today(row.received_at):
            raise field_error("hold_date", Reason.BEFORE_START)
        await self.write(work, row, Part.MINUTES, request.minutes)
        await timing.meet(work, row, timing.MINUTES)
        row = await store.change(work.connection, row, held_on=held_on)
        row = await store.change(work.connection, row, **await timing.await_step(work, row))
        return _inside(await told(work, row, "LetterInterviewHeld", held_on=held_on, agreement=request.agreement))

    @command(pb.Letter)
    async def ReplyLetter(self, request: pb.ReplyLetterRequest, work: Work) -> pb.Letter:
        """Answer a letter; one that failed without an answer accepts a late one."""
        row = await self.addressed(request, work)
        rules_of.may_reply(
            row.kind, row.state, row.failure, row.objection,
            row.held_on is not None,
        )  # fmt: skip
        await self.write(work, row, Part.REPLY, request.measures)
        await timing.meet(work, row, timing.REPLY)
        row = await store.change(
            work.connection, row, state=LetterState.REPLIED, replied_at=work.now, replied_by=work.actor,
            evidence=request.evidence, failure=Failure.NONE, ended_at=None,
        )  # fmt: skip
        await timing.await_step(work, row)
        return _outside(await told(work, row, "LetterReplied", evidence=request.evidence))

    @command(pb.Letter)
    async def VerifyLetter(self, request: pb.VerifyLetterRequest, work: Work) -> pb.Letter:
        """Verify an answer, as another person than its author: the letter is closed, or it has failed."""
        row = await self.issued(request, work, LetterState.REPLIED)
        rules_of.no_objection_open(row.objection)
        rules_of.must_be_another(work.actor, [row.replied_by])
        await self.write(work, row, Part.VERIFICATION, request.finding)
        await timing.meet(work, row, timing.VERIFICATION)
        if not request.sufficient:
            return _inside(await course.fail(work, row, Failure.NOT_ENOUGH))
        await timing.cancel(work, row, timing.NEXT)
        await course.release(work, row)
        row = await store.change(work.connection, row, state=LetterState.CLOSED, ended_at=work.now)
        return _inside(await told(work, row, "LetterClosed"))

    @command(pb.Letter)
    async def WithdrawLetter(self, request: pb.WithdrawLetterRequest, work: Work) -> pb.Letter:
        """Withdraw a signed letter: all its clocks are cancelled."""
        row = await self.issued(request, work)
        rules_of.move(row.state, LetterState.WITHDRAWN)
        await self.write(work, row, Part.WITHDRAWAL, request.reason)
        return _inside(await course.end(work, row, LetterState.WITHDRAWN, "LetterWithdrawn"))

    @command(pb.Letter)
    async def ObjectLetter(self, request: pb.ObjectLetterRequest, work: Work) -> pb.Letter:
        """Object to a letter: while the objection is open, its other clocks do not run."""
        row = await self.addressed(request, work)
        in_time = row.object_due_at is not None and work.now <= row.object_due_at
        rules_of.may_object(row.state, row.objection, in_time)
        await self.write(work, row, Part.OBJECTION, request.grounds)
        await timing.meet(work, row, timing.OBJECTION)
        await timing.cancel(work, row, timing.REPLY, timing.MINUTES, timing.VERIFICATION)
        await timing.start(work, row, timing.DECISION)
        row = await store.change(work.connection, row, objection=Objection.RAISED, **timing.NOTHING_DUE)
        return _outside(await told(work, row, "LetterObjected"))

    @command(pb.Letter)
    async def DecideObjection(self, request: pb.DecideObjectionRequest, work: Work) -> pb.Letter:
        """Decide an objection: if upheld, the letter is annulled; if rejected, the full time to answer begins again."""
        row = await self.issued(request, work)
        if row.objection is not Objection.RAISED:
            raise CaseError(Reason.WRONG_STATE, row.objection.name, state=row.state.name)
        rules_of.may_decide(work.actor, row.drafters, row.approver)
        await self.write(work, row, Part.DECISION, request.reason)
        await timing.meet(work, row, timing.DECISION)
        if request.upheld:
            row = await course.end(work, row, LetterState.ANNULLED, "LetterAnnulled", objection=Objection.UPHELD)
            return _inside(await self._without_next(work, row))
        row = await store.change(work.connection, row, objection=Objection.REJECTED)
        if row.state in (LetterState.RECEIVED, LetterState.REPLIED):
            row = await store.change(work.connection, row, **await timing.await_step(work, row))
        return _inside(await told(work, row, "LetterObjectionRejected"))

    @command(pb.Letter)
    async def RecordTransfer(self, request: pb.RecordTransferRequest, work: Work) -> pb.Letter:
        """Record a person's decision to refer a failed inspection to the accountability body."""
        row, body = await self.issued(request, work, LetterState.FAILED), names.last(request.body)
        if row.kind is not LetterKind.INSPECTION:
            raise CaseError(Reason.WRONG_STATE, row.kind.name, state=row.state.name)
        if body not in self.rules.units:
            raise field_error("body", Reason.UNKNOWN_UNIT, body)
        if row.transferred_to:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        rules_of.no_objection_open(row.objection)
        await self.write(work, row, Part.TRANSFER, request.reason)
        row = await store.change(work.connection, row, transferred_to=body)
        return _inside(await told(work, row, "LetterTransferRecorded", body=body))

    @command(pb.Letter)
    async def DraftNextLetter(self, request: pb.DraftNextLetterRequest, work: Work) -> pb.Letter:
        """Draft the letter that follows one that failed, once."""
        row = await self.issued(request, work)
        if not row.next:
            rules_of.must_be(row.state, LetterState.FAILED)
        return _inside(await drafting.next_letter(work, row))

    async def _without_next(self, work: Work, row: Letter) -> Letter:
        """Discard the draft that followed an annulled letter; a signed one must be withdrawn by people."""
        if not row.next:
            return row
        await self.locked(names.file_name(row.next), work)
        following = await store.get(work.connection, row.next)
        if following.state is LetterState.DRAFTED and following.previous == row.number:
            await course.end(work, following, LetterState.DISCARDED, "LetterDiscarded")
        return row

    @staticmethod
    async def _hold(work: Work, row: Letter, role: str, unit: str) -> None:
        """Make the caller the holder of a letter inside a unit."""
        subject = names.file_name(row.number)
        await holders.assign(work.connection, row.number, subject, role, unit=unit, official=work.actor, at=work.now)


def _inside(row: Letter) -> pb.Letter:
    return view.letter(row, inside=True)


def _outside(row: Letter) -> pb.Letter:
    return view.letter(row, inside=False)
