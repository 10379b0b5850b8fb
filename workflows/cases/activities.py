"""Activities: idempotent gRPC calls, keyed by case and step. What one service hands another stays inside one."""

from __future__ import annotations

from datetime import timedelta

import grpc
import structlog
from google.protobuf.json_format import MessageToDict
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from prometheus_client import Counter
from temporalio import activity

from services.kit.instants import instant
from services.kit.serving.businesstime import BusinessTime
from workflows.backends import Backends
from workflows.engine.failures import REFUSALS, failure
from workflows.messages import DEFAULT_PURSUED, CaseStep, Source, Stage, Told, part_of, workflow_id

log = structlog.get_logger()

REFUSED = Counter("accord_escalations_refused_total", "Breaches that the escalation service refused to take.")
_AGAIN = timedelta(hours=1)
"""When a case asks again after a refusal that only a person can cure."""


class Activities:
    """The steps of a case."""

    def __init__(self, backends: Backends, time: BusinessTime) -> None:
        self._backends = backends
        self._time = time

    @activity.defn(name="open_case")
    async def open_case(self, step: CaseStep) -> Told:
        """Open the case of an accepted report: the sealed part goes from intake to mediation inside this call.

        Of a report that nobody accepted there is nothing to open, whatever the workflow was told.
        """
        name = f"cases/{step.number}"
        try:
            content = await self._backends.intake.GetReportContent(
                intake_pb2.GetReportContentRequest(name=f"reports/{step.number}/content")
            )
            report = content.report
            if report.state != report_pb2.REPORT_STATE_ACCEPTED:
                return Told(stage=Stage.RECEIVED)
            case = case_pb2.Case(
                name=name,
                unit=report.unit,
                about_unit=report.about_unit,
                channel=report.channel,
                category=report.category,
                grade=report.triage.grade,
                receive_time=report.receive_time,
                due_time=report.history.due_time if report.history.HasField("due_time") else None,
            )
            content.ClearField("report")
            opened = await self._backends.mediation.CreateCase(
                mediation_pb2.CreateCaseRequest(case=case, content=content, request_id=f"{name}/open")
            )
            return Told(instant(opened.next_time), tier=_tier(report.triage.grade))
        except grpc.aio.AioRpcError as error:
            # A first try may have opened it and its answer been lost; graded anew since, the request is not the same.
            if error.code() not in (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION):
                raise failure(error) from None
            # Opened by another hand: its clocks say when to ask.
            return await self._fire(step.number, Source.MEDIATION, 0)

    @activity.defn(name="fire_clocks")
    async def fire_clocks(self, step: CaseStep) -> Told:
        """Fire what is due in one service and escalate what is overdue."""
        return await self._fire(step.number, step.source, step.generation)

    async def _fire(self, number: str, source: Source, generation: int) -> Told:
        name = workflow_id(number)
        try:
            fired = await self._backends.clocks[source].FireClocks(
                clock_pb2.FireClocksRequest(service=source, case=name, generation=generation)
            )
            facts = await self._facts(name) if fired.overdue else escalation_pb2.Escalation()
            refused = [not await self._escalate(name, firing, facts) for firing in fired.overdue]
            for firing in fired.withdrawn:
                await self._withdraw(name, firing)
        except grpc.aio.AioRpcError as error:
            raise failure(error) from None
        next_at = instant(fired.next_time) if fired.HasField("next_time") else None
        if any(refused):
            # One that is refused must not keep the case from its other clocks: all is asked again later.
            again = self._time.now() + _AGAIN
            next_at = min(next_at, again) if next_at else again
        ended = source is Source.MEDIATION and next_at is None and await self._is_closed(name)
        return Told(next_at, len(fired.overdue), ended, fired.generation, fired.next_clock)

    async def _is_closed(self, name: str) -> bool:
        try:
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:  # escalated before it was opened, or without ever being here
                return False
            raise failure(error) from None
        return bool(case.stage == case_pb2.STAGE_CLOSED)

    async def _facts(self, name: str) -> escalation_pb2.Escalation:
        """Return what kind of matter it is, how grave, and whom it complains of: codes by which its ladder is found."""
        if not name.startswith("cases/"):
            return escalation_pb2.Escalation()
        try:
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
            return escalation_pb2.Escalation(category=case.category, grade=case.grade, about_unit=case.about_unit)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # not opened yet: its report knows
                raise
        try:
            report = await self._backends.intake.GetReport(
                intake_pb2.GetReportRequest(name=name.replace("cases/", "reports/", 1))
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return escalation_pb2.Escalation()
        return escalation_pb2.Escalation(
            category=report.category, grade=report.triage.grade, about_unit=report.about_unit
        )

    async def _escalate(self, name: str, firing: clock_pb2.Firing, facts: escalation_pb2.Escalation) -> bool:
        """Raise it one step up its ladder, once for each rung; return whether it was not refused.

        However often this runs, and whatever became of the case since: the first answer stands.
        """
        escalation = escalation_pb2.Escalation(
            from_unit=firing.unit, reason="overdue", subject=firing.subject, breach=f"{firing.clock}/{firing.rung}"
        )
        escalation.MergeFrom(facts)
        try:
            await self._backends.escalation.CreateEscalation(
                escalation_pb2.CreateEscalationRequest(parent=name, escalation=escalation, request_id=_key(firing))
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in REFUSALS:
                REFUSED.inc()
                log.error("escalation refused", case=name, clock=firing.clock, code=error.code().name)
                return False
            # The unit changed after it was raised, or has no level above it: it was raised, or cannot be.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
        return True

    async def _withdraw(self, name: str, firing: clock_pb2.Firing) -> None:
        """Withdraw what a breach raised that turned out to be none, once."""
        try:
            await self._backends.escalation.SettleEscalations(
                escalation_pb2.SettleEscalationsRequest(
                    parent=name, breach=f"{firing.clock}/{firing.rung}", request_id=f"{_key(firing)}/withdrawn"
                )
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # it was taken back before it was raised
                raise

    @activity.defn(name="raise_default")
    async def raise_default(self, step: CaseStep) -> None:
        """Raise a promise that was not kept one level above the unit of its case, once."""
        name = f"cases/{step.number}"
        try:
            if not await self._pursued(name, step.subject):
                return
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
            raised = escalation_pb2.Escalation(
                mode=escalation_pb2.MODE_INFORM, from_unit=case.unit, reason="default", subject=step.subject
            )
            await self._backends.escalation.CreateEscalation(
                escalation_pb2.CreateEscalationRequest(
                    parent=name, escalation=raised, request_id=f"{step.subject}/default"
                )
            )
        except grpc.aio.AioRpcError as error:
            # The unit changed since it was raised, or has no level above it.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise failure(error) from None

    async def _pursued(self, name: str, subject: str) -> bool:
        """Return whether somebody pursued the default of this part, and wanted it raised."""
        request = feed_pb2.ListEventsRequest(service=Source.MEDIATION, case=name, page_size=1000)
        while True:
            page = await self._backends.feeds[Source.MEDIATION].ListEvents(request)
            for event in page.events:
                wanted = event.type == DEFAULT_PURSUED and event.wakes
                if wanted and part_of(name, MessageToDict(event.payload)) == subject:
                    return True
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return False

    @activity.defn(name="settle_escalations")
    async def settle_escalations(self, step: CaseStep) -> None:
        """Settle the open escalations of a case that is over."""
        name = f"cases/{step.number}"
        # A case that is reopened and ends again is settled again: each run of the workflow once.
        request_id = f"{name}/settle/{activity.info().workflow_run_id}"
        try:
            await self._backends.escalation.SettleEscalations(
                escalation_pb2.SettleEscalationsRequest(parent=name, request_id=request_id)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # never escalated
                raise failure(error) from None

    @activity.defn(name="transfer_case")
    async def transfer_case(self, step: CaseStep) -> bool:
        """Make the unit accountable that an escalation took the case to, or handed it back to.

        Return False if there is no case yet. Only from the unit that has it by that escalation does it move: an
        escalation by another one moves nothing, nor does one that only informs, is settled, or was never raised.
        """
        name = f"cases/{step.number}"
        wanted = f"{name}/escalations/{step.escalation}"
        try:
            raised = await self._raised(wanted)
            if raised is None:
                return True
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
            had_by, unit, request_id = move_of(raised)
            if case.unit in had_by and case.unit != unit:
                await self._backends.mediation.TransferCase(
                    mediation_pb2.TransferCaseRequest(name=name, unit=unit, request_id=request_id)
                )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            # Closed in the meantime: there is nothing left to be accountable for.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise failure(error) from None
        return True

    async def _raised(self, name: str) -> escalation_pb2.Escalation | None:
        """Return an escalation that takes its case along; None if there is none of this name or it does not."""
        try:
            raised: escalation_pb2.Escalation = await self._backends.escalation.GetEscalation(
                escalation_pb2.GetEscalationRequest(name=name)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise
        settled = raised.state == escalation_pb2.ESCALATION_STATE_RESOLVED
        return None if settled or raised.mode != escalation_pb2.MODE_TRANSFER else raised


def move_of(raised: escalation_pb2.Escalation) -> tuple[set[str], str, str]:
    """Return the units that may have a case by an escalation, the one it goes to, and the key of that move."""
    key = f"{raised.name}/transfer"
    if raised.state == escalation_pb2.ESCALATION_STATE_RETURNED:
        return {raised.to_unit}, raised.return_unit, f"{key}/{raised.return_count}/back"
    again = f"{key}/{raised.return_count}" if raised.return_count else key
    return {raised.from_unit, raised.return_unit}, raised.to_unit, again


def _key(firing: clock_pb2.Firing) -> str:
    """Return the key of what follows from a rung: a claim's `+1` and `~4` are no signs of a request id."""
    return f"{firing.clock}/{firing.rung}".replace("+", ".").replace("~", ":")


def _tier(grade: report_pb2.Grade) -> str:
    return report_pb2.Grade.Name(grade).removeprefix("GRADE_").lower()
