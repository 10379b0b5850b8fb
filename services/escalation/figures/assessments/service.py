"""RPCs of assessments: drawn up, published by another person, objected to, decided by a third, final."""

from __future__ import annotations

from pb.escalation.v1 import assessments_pb2 as pb
from pb.escalation.v1 import assessments_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.figures import assessment as rules_of
from casework.supervision.figures.assessment import AssessmentState, ObjectionState
from casework.supervision.figures.reporting_period import reporting_period
from services.escalation import scope
from services.escalation.figures.assessments import drawing_up, store, view
from services.escalation.figures.models import Assessment, AssessmentObjection
from services.escalation.servicer import Servicer
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.validation import must_say
from services.kit.storage import paging
from services.kit.storage.events import NewEvent

_OBJECTION = "objection-1"


class AssessmentServicer(Servicer, assessments_pb2_grpc.AssessmentServiceServicer):
    """Serves assessments."""

    @command(pb.Assessment)
    async def CreateAssessment(self, request: pb.CreateAssessmentRequest, work: Work) -> pb.Assessment:
        """Draw up an assessment of the units directly below one, for a past period."""
        unit, tree = self.known(request.unit, "unit"), self.rules.units
        work.call.require(unit)
        period = reporting_period(request.period)
        if period.ends_at > work.now:
            raise field_error("period", Reason.IN_THE_FUTURE, period.name)
        units = drawing_up.assessed(tree, unit, request.units)
        file = await self.opened(work, "assessments", unit)
        row = await store.create(
            work.connection, file.number, state=AssessmentState.DRAFT, unit=unit, period=period.name,
            created_at=work.now, created_by=work.actor,
        )  # fmt: skip
        found = await drawing_up.results(
            work.connection, self.rules.indicators, tree, unit, units, period, work.now
        )  # fmt: skip
        await store.add_results(work.connection, file.number, found)
        payload = {"period": period.name, "units": len(units), "rules": self.rules.version}
        await work.append(NewEvent(file.number, "AssessmentDrawnUp", unit, payload))
        return view.assessment(row)

    async def GetAssessment(self, request: pb.GetAssessmentRequest, context: Context) -> pb.Assessment:
        """Return an assessment: completely to its unit; to an assessed unit its own part, once it is published."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.read() as connection:
            row = await store.get(connection, number)
            results = await store.results(connection, number, None)
            seen = self._seen(call, row, {each.unit for each in results})
            objections = await store.objections(connection, number)
            corrections = await store.corrections(connection, number)
        answer = view.assessment(row)
        answer.results.extend(view.results([each for each in results if each.unit in seen], call.language))
        answer.objections.extend(view.objection(each) for each in objections if each.unit in seen)
        answer.corrections.extend(view.correction(each) for each in corrections if each.unit in seen)
        return answer

    @staticmethod
    def _seen(call: Call, row: Assessment, units: set[str]) -> set[str]:
        """Return the assessed units whose part the caller may see, or raise PERMISSION_DENIED if there is none."""
        whole = call.access.allows(call.caller, call.permission, row.unit)
        if whole or row.state is AssessmentState.DRAFT:
            call.require(row.unit)
            return units
        call.require_any(units)
        return {each for each in units if call.access.allows(call.caller, call.permission, each)}

    async def ListAssessments(self, request: pb.ListAssessmentsRequest, context: Context) -> pb.ListAssessmentsResponse:
        """Return assessments of the caller's units and published ones about them, newest first."""
        unit, size = scope.asked(request.unit), request.page_size or 50
        behind = paging.read(request.page_token, "assessments", paging.instant, paging.key)
        async with self.database.read() as connection:
            rows = await store.listed(connection, scope.subtree(unit), behind, size + 1)
        reply = pb.ListAssessmentsResponse(assessments=[view.assessment(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "assessments", lambda end: (end.created_at, end.number))
        return reply

    @command(pb.Assessment)
    async def PublishAssessment(self, request: pb.PublishAssessmentRequest, work: Work) -> pb.Assessment:
        """Publish a draft; from now on the assessed units may object."""
        row = await self._own(request, work)
        rules_of.must_be(row.state, AssessmentState.DRAFT)
        rules_of.must_be_others(work.actor, row.created_by)
        name = names.file_name(row.number)
        clock = await work.start_clock(
            row.number, _OBJECTION, "assessment_objection", subject=name, unit=row.unit, at=work.now
        )
        changed = await store.change(
            work.connection, row.number, state=AssessmentState.PUBLISHED, published_at=work.now,
            published_by=work.actor, objection_due_at=clock.due_at,
        )  # fmt: skip
        await work.append(NewEvent(row.number, "AssessmentPublished", row.unit, {"state": "PUBLISHED"}))
        return view.assessment(changed)

    @command(pb.AssessmentObjection)
    async def ObjectToAssessment(self, request: pb.ObjectToAssessmentRequest, work: Work) -> pb.AssessmentObjection:
        """Object to the unit's own part; its text is sealed. Nobody may object for another unit."""
        file, unit = await self.locked(request.name, work), names.last(request.unit)
        row = await store.get(work.connection, file.number)
        work.call.require(unit)
        if work.call.caller.unit != unit:
            raise CaseError(Reason.PERMISSION_DENIED, permission=work.call.permission)
        rules_of.may_object(row.state, row.objection_due_at, work.now)
        if await store.result(work.connection, row.number, unit, request.indicator) is None:
            raise field_error("indicator", Reason.INVALID_FIELD, request.indicator)
        objection = await store.next_objection(work.connection, row.number)
        clock = await work.start_clock(
            row.number, f"decision-{objection}", "assessment_decision", at=work.now, unit=row.unit,
            subject=f"{request.name}/objections/{objection}",
        )  # fmt: skip
        sealed = (await self.seal(work, file)).seal(request.text.encode())
        made = await store.add_objection(
            work.connection, row.number, objection, unit=unit, indicator=request.indicator, sealed=sealed,
            objected_at=work.now, objected_by=work.actor, due_at=clock.due_at,
        )  # fmt: skip
        payload = {"objection": objection, "unit": unit, "indicator": request.indicator}
        await work.append(NewEvent(row.number, "AssessmentObjected", row.unit, payload))
        return view.objection(made)

    async def GetAssessmentObjectionText(
        self, request: pb.GetAssessmentObjectionTextRequest, context: Context
    ) -> pb.AssessmentObjectionText:
        """Return the text of an objection, and log the access."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            assessment = await store.get(connection, number)
            row = await store.objection(connection, number, names.index_of(request.name, "objections"))
            call.require_any((assessment.unit, row.unit))
            text = (await self.opener(connection, number)).open(row.sealed or b"").decode()
            await self.log_reading(
                connection, number, assessment.unit, "AssessmentObjectionRead", objection=row.objection
            )
        self.pulse.beat()
        return pb.AssessmentObjectionText(name=request.name, text=text)

    @command(pb.AssessmentObjection)
    async def DecideAssessmentObjection(
        self, request: pb.DecideAssessmentObjectionRequest, work: Work
    ) -> pb.AssessmentObjection:
        """Decide an objection; if upheld, the figure is corrected and the old one stays on record."""
        file = await self.locked(request.name, work)
        assessment = await store.get(work.connection, file.number)
        row = await store.objection(work.connection, file.number, names.index_of(request.name, "objections"))
        work.call.require(assessment.unit)
        check_etag(row.version, request.etag)
        rules_of.must_be(row.state, ObjectionState.OPEN)
        rules_of.must_be_others(work.actor, assessment.created_by, assessment.published_by, row.objected_by)
        if request.upheld:
            must_say(request, "numerator")
            must_say(request, "denominator")
        if request.numerator > request.denominator:
            raise field_error("numerator", Reason.INVALID_FIELD, f"≤ {request.denominator}")
        state = ObjectionState.UPHELD if request.upheld else ObjectionState.DISMISSED
        changed = await store.decide(
            work.connection, row, state=state, decided_at=work.now, decided_by=work.actor, reason=request.reason
        )
        if request.upheld:
            await self._correct(row, request, work)
        await work.stop(file.number, f"decision-{row.objection}")
        payload = {"objection": row.objection, "state": state.name, "reason": request.reason}
        await work.append(NewEvent(file.number, "AssessmentObjectionDecided", assessment.unit, payload))
        return view.objection(changed)

    @staticmethod
    async def _correct(row: AssessmentObjection, request: pb.DecideAssessmentObjectionRequest, work: Work) -> None:
        result = await store.result(work.connection, row.number, row.unit, row.indicator)
        assert result is not None, "whoever objects names a result"
        await store.correct(work.connection, row, result, request.numerator, request.denominator, work.actor, work.now)

    @command(pb.Assessment)
    async def FinaliseAssessment(self, request: pb.FinaliseAssessmentRequest, work: Work) -> pb.Assessment:
        """Make an assessment final, once the time to object is over and every objection is decided."""
        row = await self._own(request, work)
        open_ = await store.open_objections(work.connection, row.number)
        rules_of.may_finalise(row.state, row.objection_due_at, open_, work.now)
        changed = await store.change(
            work.connection, row.number, state=AssessmentState.FINAL, final_at=work.now, final_by=work.actor
        )
        await work.stop(row.number, _OBJECTION)
        await work.append(NewEvent(row.number, "AssessmentFinal", row.unit, {"state": "FINAL"}))
        return view.assessment(changed)

    async def _own(self, request: Versioned, work: Work) -> Assessment:
        """Return the assessment to change, its file locked, if the caller may; permission comes before version."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row
