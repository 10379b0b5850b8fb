"""Activities: idempotent gRPC calls, keyed by case and step. What one service hands another stays inside one."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import grpc
import structlog
from google.protobuf.json_format import MessageToDict
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, docking_pb2, mediation_pb2
from prometheus_client import Counter
from temporalio import activity

from services.kit.instants import instant
from services.kit.numbers import numbers
from services.kit.serving.businesstime import BusinessTime
from workflows.backends import Backends
from workflows.engine.failures import REFUSALS, failure
from workflows.messages import DEFAULT_PURSUED, CaseStep, Source, Stage, Told, part_of, workflow_id

log = structlog.get_logger()

REFUSED = Counter("accord_escalations_refused_total", "Breaches that the escalation service refused.")
_OPENED = {grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION}
_KINDS = {
    "court": docking_pb2.DOCKING_KIND_COURT, "police": docking_pb2.DOCKING_KIND_POLICE,
    "petition": docking_pb2.DOCKING_KIND_PETITION,
}  # fmt: skip
_AGAIN = timedelta(hours=1)
"""When a case retries after a refusal that only a person can resolve."""


class Activities:
    """The steps of a case."""

    def __init__(self, backends: Backends, time: BusinessTime) -> None:
        self._backends = backends
        self._time = time

    @activity.defn(name="open_case")
    async def open_case(self, step: CaseStep) -> Told:
        """Open the case of an accepted report: the sealed part goes from intake to mediation inside this call.

        A report that nobody accepted is not opened, whatever signal the workflow received.
        """
        name = f"cases/{step.number}"
        handed_over: list[report_pb2.HandOver] = []
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
            handed_over.extend(content.hand_overs)
            content.ClearField("report")
            content.ClearField("hand_overs")
            opened = await self._backends.mediation.CreateCase(
                mediation_pb2.CreateCaseRequest(case=case, content=content, request_id=f"{name}/open")
            )
            told = Told(instant(opened.next_time), tier=_tier(report.triage.grade))
        except grpc.aio.AioRpcError as error:
            # A first try may have opened it and its response was lost; if it was regraded since, the request differs.
            if error.code() not in _OPENED:
                raise failure(error) from None
            # Opened by another request, or erased since: its clocks say when to ask.
            told = await self._fire(step.number, Source.MEDIATION, 0)
        for each in handed_over:
            await self._hand_over(name, each)
        return told

    async def _hand_over(self, case: str, said: report_pb2.HandOver) -> None:
        """Record by which letter a case was handed over; what is refused, whoever handles the case records."""
        kind = _KINDS[said.authority.rpartition("-")[2]]
        docking = docking_pb2.Docking(
            kind=kind, **numbers(procedure=said.procedure, nature=said.subject), hand_over_letter=said.letter,
            decided=said.decided if said.HasField("decided") else None, authority=said.authority,
            petition_accept_time=said.petition_accept_time if said.HasField("petition_accept_time") else None,
        )  # fmt: skip
        key = hashlib.sha256(f"{said.authority}/{said.letter}".encode()).hexdigest()[:24]
        request = docking_pb2.CreateDockingRequest(parent=case, docking=docking, request_id=f"{case}/{key}")
        try:
            await self._backends.dockings.CreateDocking(request)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _OPENED | REFUSALS:
                raise failure(error) from None
            log.warning("a hand-over was not recorded", case=case, code=error.code().name)

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
            # One refusal must not block the case's other clocks: everything is retried later.
            again = self._time.now() + _AGAIN
            next_at = min(next_at, again) if next_at else again
        ended = source is Source.MEDIATION and next_at is None and await self._is_closed(name)
        return Told(next_at, len(fired.overdue), ended, fired.generation, fired.next_clock)

    async def _is_closed(self, name: str) -> bool:
        try:
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:  # escalated before it was opened, or never opened here
                return False
            raise failure(error) from None
        return bool(case.stage == case_pb2.STAGE_CLOSED)

    async def _facts(self, name: str) -> escalation_pb2.Escalation:
        """Return its category, grade and the unit complained of: the codes that select its ladder."""
        if not name.startswith("cases/"):
            return escalation_pb2.Escalation()
        try:
            case = await self._backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name))
            return escalation_pb2.Escalation(category=case.category, grade=case.grade, about_unit=case.about_unit)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # not opened yet: its report has them
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
        """Escalate it one step up its ladder, once for each rung; return False if that was refused.

        However often this runs, and whatever happened to the case since: the first response is final.
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
            # The unit changed after it was escalated, or has no level above it: it was escalated, or cannot be.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
        return True

    async def _withdraw(self, name: str, firing: clock_pb2.Firing) -> None:
        """Withdraw, once, the escalation of a breach that was withdrawn."""
        try:
            await self._backends.escalation.SettleEscalations(
                escalation_pb2.SettleEscalationsRequest(
                    parent=name, breach=f"{firing.clock}/{firing.rung}", request_id=f"{_key(firing)}/withdrawn"
                )
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # it was withdrawn before it was escalated
                raise

    @activity.defn(name="raise_default")
    async def raise_default(self, step: CaseStep) -> None:
        """Escalate a default one level above the unit of its case, once."""
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
            # The unit changed since it was escalated, or has no level above it.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise failure(error) from None

    async def _pursued(self, name: str, subject: str) -> bool:
        """Return whether somebody pursued the default of this part and asked for an escalation."""
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
        # A case that is reopened and ends again is settled again: once per workflow run.
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
        """Make the unit accountable that an escalation transferred the case to, or handed it back to.

        Return False if there is no case yet. It moves only from the unit that has it through that escalation: another
        escalation moves nothing, nor does one that only informs, is settled, or does not exist.
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
            # Closed in the meantime: nothing is left to be accountable for.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise failure(error) from None
        return True

    async def _raised(self, name: str) -> escalation_pb2.Escalation | None:
        """Return an escalation that transfers its case; None if there is none of this name, or it does not."""
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
    """Return the units that may have a case through an escalation, its new unit, and the key of that transfer."""
    key = f"{raised.name}/transfer"
    if raised.state == escalation_pb2.ESCALATION_STATE_RETURNED:
        return {raised.to_unit}, raised.return_unit, f"{key}/{raised.return_count}/back"
    again = f"{key}/{raised.return_count}" if raised.return_count else key
    return {raised.from_unit, raised.return_unit}, raised.to_unit, again


def _key(firing: clock_pb2.Firing) -> str:
    """Return the request id for a rung's effect: `+1` and `~4` of a claim are not allowed characters there."""
    return f"{firing.clock}/{firing.rung}".replace("+", ".").replace("~", ":")


def _tier(grade: report_pb2.Grade) -> str:
    return report_pb2.Grade.Name(grade).removeprefix("GRADE_").lower()
