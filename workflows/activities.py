"""Activities: idempotent gRPC calls, keyed by case and step. What one service hands another stays inside one."""

from __future__ import annotations

from datetime import timedelta

import grpc
import structlog
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from prometheus_client import Counter
from temporalio import activity
from temporalio.exceptions import ApplicationError

from services.kit.businesstime import BusinessTime
from services.kit.instants import instant
from workflows.backends import Backends
from workflows.messages import CaseStep, Source, Told, workflow_id

log = structlog.get_logger()

REFUSED = Counter("accord_escalations_refused_total", "Breaches that the escalation service refused to take.")
_AGAIN = timedelta(hours=1)
"""When a case asks again after a refusal that only a person can cure."""
_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
"""Answers that a retry can only cure after somebody mended rules or rights; tried again all the same."""


class Activities:
    """The steps of a case."""

    def __init__(self, backends: Backends, time: BusinessTime) -> None:
        self._backends = backends
        self._time = time

    @activity.defn(name="open_case")
    async def open_case(self, step: CaseStep) -> Told:
        """Open the case of an accepted report: the sealed part goes from intake to mediation inside this call."""
        name = f"cases/{step.number}"
        try:
            content = await self._backends.intake.GetReportContent(
                intake_pb2.GetReportContentRequest(name=f"reports/{step.number}/content")
            )
            report = content.report
            case = case_pb2.Case(
                name=name,
                unit=report.unit,
                about_unit=report.about_unit,
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
            refused = [not await self._escalate(name, firing) for firing in fired.overdue]
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

    async def _escalate(self, name: str, firing: clock_pb2.Firing) -> bool:
        """Raise it one level up, once for each rung, however often this runs; return whether it was not refused."""
        escalation = escalation_pb2.Escalation(
            mode=escalation_pb2.MODE_INFORM, from_unit=firing.unit, reason="overdue", subject=firing.subject
        )
        try:
            await self._backends.escalation.CreateEscalation(
                escalation_pb2.CreateEscalationRequest(
                    parent=name, escalation=escalation, request_id=f"{firing.clock}/{firing.rung}"
                )
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in _REFUSED:
                REFUSED.inc()
                log.error("escalation refused", case=name, clock=firing.clock, code=error.code().name)
                return False
            # The unit changed after it was raised, or has no level above it: it was raised, or cannot be.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
        return True

    @activity.defn(name="raise_default")
    async def raise_default(self, step: CaseStep) -> None:
        """Raise a promise that was not kept one level above the unit of its case, once."""
        name = f"cases/{step.number}"
        try:
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
        """Make the unit an escalation goes to accountable for the case; return False where there is no case yet.

        Only the unit that has the case can hand it up: an escalation by another one moves nothing.
        """
        name = f"cases/{step.number}"
        try:
            raised = await self._backends.escalation.ListEscalations(
                escalation_pb2.ListEscalationsRequest(parent=name, page_size=1000)
            )
            wanted = f"{name}/escalations/{step.escalation}"
            escalation = next(each for each in raised.escalations if each.name == wanted)
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
            if case.unit == escalation.from_unit:
                await self._backends.mediation.TransferCase(
                    mediation_pb2.TransferCaseRequest(
                        name=name, unit=escalation.to_unit, request_id=f"{wanted}/transfer"
                    )
                )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            # Closed in the meantime: there is nothing left to be accountable for.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise failure(error) from None
        return True


def _tier(grade: report_pb2.Grade) -> str:
    return report_pb2.Grade.Name(grade).removeprefix("GRADE_").lower()


def failure(error: grpc.aio.AioRpcError) -> ApplicationError:
    """Return a failure that says code and method only: details of a refusal could quote what was sent."""
    code = error.code()
    return ApplicationError(f"service answered {code.name}", type="Refused" if code in _REFUSED else "Unavailable")
