"""RPCs of the work on a matter: progress, evidence, striking off, look-backs."""

from __future__ import annotations

from typing import Any

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.letters.occasion import Happening
from casework.supervision.matters import matter as rules_of
from casework.supervision.matters.lead import Barred, must_not_be_the_lead
from casework.supervision.matters.matter import AssignmentState, Found, MatterState, Part, Step, Verdict
from services.escalation.holders import store as holders
from services.escalation.matters.ledger import course, store, view
from services.escalation.matters.ledger.course import said
from services.escalation.matters.ledger.servicer import LedgerBase
from services.escalation.matters.special import ending
from services.escalation.matters.special.leads import course as leads
from services.escalation.models import Matter, MatterAssignment
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.storage.rows import not_found


class Handling(LedgerBase):
    """Takes reports, evidence and requests to strike off, checks them, records look-backs."""

    @command(pb.Matter)
    async def ReportProgress(self, request: pb.ReportProgressRequest, work: Work) -> pb.Matter:
        """Record what a unit did. It moves the time of the next report, but no deadline."""
        matter, part = await self.own_part(request, work)
        await self._report(work, matter, part, request.text)
        await store.change_assignment(work.connection, part, progress_at=work.now)
        columns: dict[str, Any] = {}
        if part.part is not Part.CO:
            turns = await course.start_progress(work, matter, matter.unit)
            columns = {"turns": turns, "progress_at": work.now, "state": MatterState.HANDLING}
        row = await course.change(work, matter, "ProgressReported", payload={"assignment": part.assignment}, **columns)
        return await self.shown(work, row)

    @command(pb.Matter)
    async def FinishAssignment(self, request: pb.FinishAssignmentRequest, work: Work) -> pb.Matter:
        """Record that a unit's part is done; its clock is met."""
        matter, part = await self.own_part(request, work)
        if part.part is Part.RESPONSIBLE:
            # The accountable unit is done when the matter is struck off, which somebody else checks.
            raise CaseError(Reason.WRONG_STATE, Part.RESPONSIBLE.name, state=Part.RESPONSIBLE.name)
        await self._report(work, matter, part, request.text)
        state = AssignmentState.DONE
        await store.change_assignment(work.connection, part, state=state, finished_at=work.now, progress_at=work.now)
        await holders.release(work.connection, matter.number, course.assignment_name(part), course.HOLDER, work.now)
        await work.stop(matter.number, part.clock)
        row = await course.change(
            work, matter, "AssignmentFinished", payload={"assignment": part.assignment},
            also=[said(f"assignments/{part.assignment}/state", AssignmentState.OPEN.name, state.name)],
        )  # fmt: skip
        return await self.shown(work, row)

    async def _report(self, work: Work, matter: Matter, part: MatterAssignment, told: str) -> None:
        sealed = await self.sealed(work, matter.number, told.encode())
        await store.report(
            work.connection, part, matter.entry, sealed=sealed, reported_at=work.now, reported_by=work.actor
        )

    @command(pb.MatterEvidence)
    async def AddMatterEvidence(self, request: pb.AddMatterEvidenceRequest, work: Work) -> pb.MatterEvidence:
        """Record a piece of evidence: a reference and a hash; its description is sealed."""
        matter = await self.matter(request.parent, work)
        work.call.require_any(await course.units_of(work.connection, matter))
        told = request.evidence
        row = await store.add_evidence(
            work.connection, matter.number, reference=told.reference, file_hash=told.sha256,
            unit=work.call.caller.unit, added_at=work.now, added_by=work.actor,
            sealed=await self.note(work, matter.number, told.description),
        )  # fmt: skip
        await work.append(course.happened(matter, "MatterEvidenceAdded", evidence=row.evidence))
        return view.evidence(row)

    @command(pb.Matter)
    async def RequestStrikeOff(self, request: pb.RequestStrikeOffRequest, work: Work) -> pb.Matter:
        """Request striking off, when all parts are done; somebody else checks it within five days."""
        matter = await self.matter(request.name, work)
        work.call.require(course.answerable(matter))
        check_etag(matter.version, request.etag)
        rules_of.may(matter.state, Step.REQUEST)
        parts = await store.assignments(work.connection, matter)
        responsible = next(part for part in parts if part.part is Part.RESPONSIBLE)
        if waits := [each.unit for each in parts if each.state is AssignmentState.OPEN and each is not responsible]:
            raise CaseError(Reason.TASKS_OPEN, ",".join(waits), units=",".join(waits))
        if items := await ending.open_items(work.connection, matter.number):
            raise CaseError(Reason.TASKS_OPEN, ",".join(items), items=",".join(items))
        await self._must_have(work, matter, list(request.evidence))
        await work.stop(matter.number, responsible.clock)
        await work.stop(matter.number, "progress-%", met=False)
        checks, name = matter.checks + 1, names.file_name(matter.number)
        await work.start_clock(
            matter.number, f"check-{checks}", "matter_check", subject=name, unit=matter.keeper, at=work.now
        )
        row = await course.change(
            work, matter, "StrikeOffRequested", sealed=await self.note(work, matter.number, request.text),
            payload={"evidence": [names.index_of(each) for each in request.evidence]},
            state=MatterState.CHECKING, checks=checks, requested_by=work.actor,
        )  # fmt: skip
        return await self.shown(work, row)

    @staticmethod
    async def _must_have(work: Work, matter: Matter, evidence: list[str]) -> None:
        """Check that evidence named is evidence of this matter."""
        foreign = [each for each in evidence if names.number_of(each) != matter.number]
        missing = await store.missing_evidence(work.connection, matter.number, {*map(names.index_of, evidence)})
        if foreign or missing:
            raise field_error("evidence", Reason.NOT_FOUND, ", ".join([*foreign, *map(str, missing)]))

    @command(pb.Matter)
    async def VerifyStrikeOff(self, request: pb.VerifyStrikeOffRequest, work: Work) -> pb.Matter:
        """Strike a matter off, or return it; returns are counted and may lead to a letter to the unit."""
        matter = await self.kept(request, work)
        rules_of.may(matter.state, Step.VERIFY)
        await self._may_check(work, matter)
        lead = await holders.holder(work.connection, matter.number, names.file_name(matter.number), leads.ROLE)
        must_not_be_the_lead(work.actor, lead, Barred.strike_off)
        verdict = Verdict(request.verdict)
        state = rules_of.verified(verdict, request.reason)
        sealed = await self.note(work, matter.number, request.text)
        await work.stop(matter.number, "check-%")
        if state is MatterState.STRUCK_OFF:
            await ending.struck_off(work, matter.number)
            await course.end_everything(work, matter)
            await course.start_look_backs(work, matter)
            row = await course.change(
                work, matter, "MatterStruckOff", sealed=sealed, state=state, struck_off_at=work.now
            )
            return await self.shown(work, row)
        return await self._returned(work, matter, verdict, request.reason, sealed)

    async def _returned(
        self, work: Work, matter: Matter, verdict: Verdict, reason: str, sealed: bytes | None
    ) -> pb.Matter:
        parts = await store.assignments(work.connection, matter)
        responsible = next(part for part in parts if part.part is Part.RESPONSIBLE)
        reopened = await course.reopen(work, matter, responsible.clock)
        turns = await course.start_progress(work, matter, matter.unit)
        row = await course.change(
            work, matter, "StrikeOffReturned", reason=reason, payload={"verdict": verdict.name}, sealed=sealed,
            state=MatterState.RETURNED, returned=matter.returned + 1, turns=turns,
        )  # fmt: skip
        if reopened:
            await work.append(*reopened)
        await course.considered(work, row, Happening.false_closing if verdict is Verdict.FALSE else Happening.returned)
        return await self.shown(work, row)

    @command(pb.Matter)
    async def RecordLookBack(self, request: pb.RecordLookBackRequest, work: Work) -> pb.Matter:
        """Record the result of a look-back; a matter that recurred is entered again, to be assigned again."""
        matter = await self.kept(request, work)
        rules_of.may(matter.state, Step.LOOK_BACK)
        count, found = names.index_of(request.name), Found(request.result)
        planned = await store.look_backs(work.connection, matter)
        look = not_found(next((each for each in planned if each.days == count), None), request.name)
        if look.result:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        rules_of.may_look_back(found, look.due_on, dates.today(work.now))
        await self._may_check(work, matter)
        sealed = await self.note(work, matter.number, request.text)
        await store.look_back(work.connection, matter, count, found, work.now, work.actor)
        await work.stop(matter.number, course.look_back_key(matter.entry, count))
        payload: dict[str, object] = {"look_back": count, "result": found.name}
        also = [said(f"look_backs/{count}/result", "", found.name)]
        if found is Found.HOLDS:
            row = await course.change(work, matter, "LookedBack", payload=payload, also=also, sealed=sealed)
            return await self.shown(work, row)
        await work.stop(matter.number, f"lookback-{matter.entry}-%", met=False)
        entry = matter.entry + 1
        due_on = await course.start_plan(work, matter.number, entry, matter.keeper)
        row = await course.change(
            work, matter, "MatterRelapsed", payload=payload, also=also, sealed=sealed, entry=entry,
            state=MatterState.GRADED, struck_off_at=None, due_on=due_on, unit="", lead="", requested_by="",
            plan_at=None, progress_at=None,
        )  # fmt: skip
        return await self.shown(work, row)

    async def _may_check(self, work: Work, matter: Matter) -> None:
        """Check that the caller may check this matter: a person of another unit who did not work on it."""
        caller = work.call.caller
        rules_of.may_check(
            self.rules.units, matter.unit, checker=caller.subject, checker_unit=caller.unit,
            requester=matter.requested_by, workers=await store.workers(work.connection, matter),
        )  # fmt: skip
