"""Simulated people: they repeat a call under the same request id until it succeeds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
from google.protobuf import json_format
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE

Rpc = Callable[..., Awaitable[Any]]
Codes = tuple[grpc.StatusCode, ...]
AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""As the gateway and accord-client take them, too: a service that stops cancels what it has not finished in time."""
UNTIL_TOLD = (*AGAIN, grpc.StatusCode.NOT_FOUND)
"""For what asks one service about a case of another: it is not there until its owner's feed has told of it."""
UNIT = f"units/{COUNTY}"


class People:
    """The people around a case, in every role, above the county."""

    def __init__(
        self, clients: Clients, rest: httpx.AsyncClient | None = None, seed: int = 0, patience: float = PATIENCE
    ) -> None:
        self.clients = clients
        self.patience = patience
        self._rest = rest
        self._chance = random.Random(seed)
        self.asked_again = 0
        roles = ("clerk", "duty_officer", "handler", "reviewer", "unit_head")
        self._as = {role: clients.as_(role, "62") for role in roles}

    async def press(self, rpc: Rpc, request: Any, role: str, seconds: float = 0, *, again: Codes = AGAIN) -> Any:
        """Make a call until it is answered or refused; `again` are the answers after which it is made again."""
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = request_id()
        async with asyncio.timeout(seconds or self.patience):
            while True:
                try:
                    return await rpc(request, **self._as[role])
                except grpc.aio.AioRpcError as error:
                    if error.code() not in again:
                        raise
                self.asked_again += 1
                await asyncio.sleep(self._chance.uniform(0.05, 0.4))

    async def file(self, text: str = "楼上漏水，天花板泡坏了，对方不赔。", **fields: Any) -> report_pb2.Report:
        """File a report at the county's counter; through the gateway where there is a client for it."""
        told = {"channel": report_pb2.CHANNEL_COUNTER, "unit": UNIT, "category": "categories/neighbour", "text": text}
        report = report_pb2.Report(**{**told, **fields})
        if self._rest:
            return await self._file_by_rest(report)
        filed: report_pb2.Report = await self.press(
            self.clients.intake.CreateReport, intake_pb2.CreateReportRequest(report=report), "clerk"
        )
        return filed

    async def _file_by_rest(self, report: report_pb2.Report, seconds: float = PATIENCE) -> report_pb2.Report:
        assert self._rest
        authorization = dict(self._as["clerk"]["metadata"])["authorization"]
        headers = {"Authorization": authorization, "Idempotency-Key": request_id()}
        async with asyncio.timeout(seconds):
            while True:
                try:
                    answer = await self._rest.post(
                        "/v1/reports", json=json_format.MessageToDict(report), headers=headers
                    )
                    if answer.status_code < 300:
                        return json_format.ParseDict(answer.json(), report_pb2.Report(), ignore_unknown_fields=True)
                    assert answer.status_code in (502, 503, 504), answer.text
                except httpx.TransportError:
                    pass
                self.asked_again += 1
                await asyncio.sleep(self._chance.uniform(0.05, 0.4))

    async def accept(self, report: report_pb2.Report) -> str:
        """Accept a report and return the name of its case once the workflow has opened it."""
        await self.press(
            self.clients.intake.AcceptReport, intake_pb2.AcceptReportRequest(name=report.name), "duty_officer"
        )
        await self.opened(report.case)
        return report.case

    async def opened(self, name: str) -> case_pb2.Case:
        """Wait until a case is there and return it."""
        async with asyncio.timeout(self.patience):
            while True:
                try:
                    case: case_pb2.Case = await self.press(
                        self.clients.mediation.GetCase, mediation_pb2.GetCaseRequest(name=name), "handler"
                    )
                    return case
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.NOT_FOUND:
                        raise
                await asyncio.sleep(0.1)

    async def decline(self, report: report_pb2.Report) -> None:
        """Decline a report."""
        request = intake_pb2.DeclineReportRequest(name=report.name, reason="elsewhere", route=report_pb2.ROUTE_COURT)
        await self.press(self.clients.intake.DeclineReport, request, "duty_officer")

    async def merge(self, report: report_pb2.Report, target: report_pb2.Report) -> None:
        """Merge a report into another one."""
        request = intake_pb2.MergeReportRequest(name=report.name, target=target.name, reason="same-matter")
        await self.press(self.clients.intake.MergeReport, request, "duty_officer")

    async def tasks(self, name: str) -> list[str]:
        """Return the names of a case's tasks."""
        plan = await self.press(
            self.clients.mediation.GetPlan, mediation_pb2.GetPlanRequest(name=f"{name}/plan"), "handler"
        )
        return [task.name for task in plan.tasks]

    async def work(self, task: str, *, give_back: bool = False, pause: float = 0.0) -> None:
        """Sign for a task, do it and have it verified; `give_back` returns it once before."""
        mediation = self.clients.mediation
        if give_back:
            await self.press(
                mediation.ReturnTask, mediation_pb2.ReturnTaskRequest(name=task, reason="not-ours"), "handler"
            )
            await self.press(mediation.DispatchTask, mediation_pb2.DispatchTaskRequest(name=task), "duty_officer")
        await self.press(mediation.SignTask, mediation_pb2.SignTaskRequest(name=task), "handler")
        await asyncio.sleep(self._chance.uniform(0, pause))
        await self.press(mediation.ReportTask, mediation_pb2.ReportTaskRequest(name=task, evidence="doc-1"), "handler")
        await self.press(mediation.VerifyTask, mediation_pb2.VerifyTaskRequest(name=task, sufficient=True), "reviewer")

    async def close(self, name: str, outcome: int = case_pb2.OUTCOME_AGREED) -> None:
        """Request the closing of a case and close it."""
        mediation = self.clients.mediation
        await self.press(
            mediation.RequestClosing, mediation_pb2.RequestClosingRequest(name=name, outcome=outcome), "handler"
        )
        await self.press(mediation.CloseCase, mediation_pb2.CloseCaseRequest(name=name, approved=True), "reviewer")

    async def pause(self, clock: str, cause: str) -> None:
        """Pause a clock of mediation."""
        request = clock_pb2.PauseClockRequest(name=clock, cause=cause)
        await self.press(self.clients.clocks["mediation"].PauseClock, request, "handler")

    async def resume(self, clock: str) -> None:
        """Let a clock of mediation run on."""
        await self.press(
            self.clients.clocks["mediation"].ResumeClock, clock_pb2.ResumeClockRequest(name=clock), "handler"
        )

    async def escalate(
        self, name: str, mode: int = escalation_pb2.MODE_TRANSFER, *, unit: str = UNIT, reason: str = "lies-idle"
    ) -> None:
        """Raise a case one level up from the county, as soon as it was told of."""
        escalation = escalation_pb2.Escalation(mode=mode, from_unit=unit, reason=reason)
        request = escalation_pb2.CreateEscalationRequest(parent=name, escalation=escalation)
        await self.press(self.clients.escalation.CreateEscalation, request, "duty_officer", again=UNTIL_TOLD)
