"""Idempotency: the same request id gets the first answer, at once, later, in a crowd and after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.scratch import Scratch

Rpc = Callable[..., Awaitable[Message]]


def a_report(text: str = "楼道堆放杂物，多次劝说无效。", **fields: Any) -> report_pb2.Report:
    """Return a report to be filed."""
    told = {"channel": report_pb2.CHANNEL_COUNTER, "unit": f"units/{COUNTY}", "category": "categories/neighbour"}
    return report_pb2.Report(**{**told, "text": text, **fields})


async def refused(call: Awaitable[Message]) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo, list[str]]:
    """Return code, ErrorInfo and fields of the refusal of a call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(caught.value).details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return caught.value.code(), info, [fault.field for fault in bad.field_violations]


async def events_of(clients: Clients, service: str, name: str) -> list[str]:
    """Return the kinds of a case's events, oldest first."""
    connection = await Scratch.main(clients.stack).connect()
    try:
        query = f"SELECT kind FROM {service}.events WHERE number = $1 AND kind <> 'ContentRead' ORDER BY seq"
        return [row["kind"] for row in await connection.fetch(query, name.split("/")[1])]
    finally:
        await connection.close()


class Told:
    """Calls that were answered, to be repeated word for word when the world has moved on."""

    def __init__(self) -> None:
        self._calls: list[tuple[Rpc, Message, dict[str, Any], Message]] = []

    async def say(self, rpc: Rpc, request: Message, caller: dict[str, Any]) -> Any:
        """Make a call under a request id of its own and keep its answer."""
        request.request_id = request_id()  # type: ignore[attr-defined]
        answer = await rpc(request, **caller)
        self._calls.append((rpc, request, caller, answer))
        return answer

    async def repeat_all(self) -> int:
        """Make every call again: each gets its first answer, byte for byte, and an altered body is refused."""
        for rpc, request, caller, first in self._calls:
            again = await rpc(request, **caller)
            assert again.SerializeToString(deterministic=True) == first.SerializeToString(deterministic=True), request
            code, info, fields = await refused(rpc(_altered(request), **caller))
            assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"), request
            assert fields == ["request_id"]
        return len(self._calls)


def _altered(request: Message) -> Message:
    """Return the request with another meaning under the same id."""
    other = type(request)()
    other.CopyFrom(request)
    for field, value in (("evidence", "doc-2"), ("reason", "another"), ("outcome", 2), ("people_affected", 77)):
        if field in request.DESCRIPTOR.fields_by_name:
            setattr(other, field, value)
            return other
    for field in ("founded", "sufficient", "approved"):
        if field in request.DESCRIPTOR.fields_by_name:
            setattr(other, field, not getattr(request, field))
            return other
    if "letter" in request.DESCRIPTOR.fields_by_name:
        other.letter.kind = 2  # type: ignore[attr-defined]
    elif "report" in request.DESCRIPTOR.fields_by_name:
        other.report.text = "另一件事。"  # type: ignore[attr-defined]
    elif "link" in request.DESCRIPTOR.fields_by_name:
        other.link.reason = "another"  # type: ignore[attr-defined]
    elif "escalation" in request.DESCRIPTOR.fields_by_name:
        other.escalation.reason = "another"  # type: ignore[attr-defined]
    elif "case" in request.DESCRIPTOR.fields_by_name:
        other.case.grade = 3  # type: ignore[attr-defined]
    else:
        other.etag = "99"  # type: ignore[attr-defined]
    return other


async def test_every_intake_command_answers_a_repeat_with_its_first_answer(clients: Clients) -> None:
    told, officer, clerk = Told(), clients.as_("duty_officer", "62"), clients.as_("clerk", "62")
    intake = clients.intake
    one, two, three = [
        await told.say(intake.CreateReport, intake_pb2.CreateReportRequest(report=a_report()), clerk) for _ in range(3)
    ]
    await told.say(intake.VerifyReport, intake_pb2.VerifyReportRequest(name=one.name, founded=True), clerk)
    await told.say(
        intake.TriageReport, intake_pb2.TriageReportRequest(name=one.name, people_affected=40, scope=3), officer
    )
    link = report_pb2.Link(target=one.name, kind=report_pb2.LINK_KIND_RELATED, reason="same-stairs")
    await told.say(intake.CreateLink, intake_pb2.CreateLinkRequest(parent=two.name, link=link), clerk)
    await told.say(
        intake.MergeReport, intake_pb2.MergeReportRequest(name=two.name, target=one.name, reason="same"), officer
    )
    await told.say(intake.AcceptReport, intake_pb2.AcceptReportRequest(name=one.name), officer)
    decline = intake_pb2.DeclineReportRequest(name=three.name, reason="elsewhere", route=report_pb2.ROUTE_COURT)
    await told.say(intake.DeclineReport, decline, officer)

    before = [await events_of(clients, "intake", each.name) for each in (one, two, three)]
    assert await told.repeat_all() == 9
    assert [await events_of(clients, "intake", each.name) for each in (one, two, three)] == before


async def test_every_mediation_and_escalation_command_answers_a_repeat_with_its_first_answer(
    clients: Clients,
) -> None:
    told, officer, handler = Told(), clients.as_("duty_officer", "62"), clients.as_("handler", "62")
    reviewer, head, mediation = clients.as_("reviewer", "62"), clients.as_("unit_head", "62"), clients.mediation
    unit = f"units/{COUNTY}"
    # A case is the worker's alone to open.
    name = (await clients.file_report()).case
    case = case_pb2.Case(name=name, unit=unit, category="categories/neighbour", grade=report_pb2.GRADE_LOW)
    await told.say(mediation.CreateCase, mediation_pb2.CreateCaseRequest(case=case), clients.as_service("worker"))
    task = f"{name}/tasks/1"

    def sign() -> Awaitable[Any]:
        return told.say(mediation.SignTask, mediation_pb2.SignTaskRequest(name=task), handler)

    def report() -> Awaitable[Any]:
        return told.say(mediation.ReportTask, mediation_pb2.ReportTaskRequest(name=task, evidence="doc-1"), handler)

    def verify(sufficient: bool) -> Awaitable[Any]:
        request = mediation_pb2.VerifyTaskRequest(name=task, sufficient=sufficient)
        return told.say(mediation.VerifyTask, request, reviewer)

    def ask(outcome: int) -> Awaitable[Any]:
        request = mediation_pb2.RequestClosingRequest(name=name, outcome=outcome)
        return told.say(mediation.RequestClosing, request, handler)

    await told.say(mediation.ReturnTask, mediation_pb2.ReturnTaskRequest(name=task, reason="not-ours"), handler)
    await told.say(mediation.DispatchTask, mediation_pb2.DispatchTaskRequest(name=task), officer)
    for step in (sign(), report(), verify(False), report(), verify(True)):
        await step
    await told.say(mediation.TransferCase, mediation_pb2.TransferCaseRequest(name=name, unit="units/6201"), officer)
    escalation = escalation_pb2.Escalation(mode=escalation_pb2.MODE_INFORM, from_unit=unit, reason="slow")
    await clients.tell_of(name, "6201")
    raised = await told.say(
        clients.escalation.CreateEscalation,
        escalation_pb2.CreateEscalationRequest(parent=name, escalation=escalation),
        officer,
    )
    acknowledge = escalation_pb2.AcknowledgeEscalationRequest(name=raised.name)
    await told.say(clients.escalation.AcknowledgeEscalation, acknowledge, head)
    resolve = escalation_pb2.ResolveEscalationRequest(name=raised.name)
    await told.say(clients.escalation.ResolveEscalation, resolve, head)
    await ask(case_pb2.OUTCOME_AGREED)
    close = mediation_pb2.CloseCaseRequest(name=name, approved=False, reason="not-complete")
    await told.say(mediation.CloseCase, close, reviewer)
    await ask(case_pb2.OUTCOME_RESOLVED)
    close = mediation_pb2.CloseCaseRequest(name=name, approved=True)
    await told.say(mediation.CloseCase, close, reviewer)

    before = [await events_of(clients, service, name) for service in ("mediation", "escalation")]
    assert await told.repeat_all() == 16
    assert [await events_of(clients, service, name) for service in ("mediation", "escalation")] == before


async def test_fifty_calls_at_once_with_one_id_make_one_report_and_get_one_answer(clients: Clients) -> None:
    request = intake_pb2.CreateReportRequest(report=a_report(), request_id=request_id())
    clerk = clients.as_("clerk", "62")
    answers = await asyncio.gather(*(clients.intake.CreateReport(request, **clerk) for _ in range(50)))
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert answers[0].receipt_code
    assert await events_of(clients, "intake", answers[0].name) == ["ReportReceived"]


async def test_an_id_belongs_to_its_caller(clients: Clients) -> None:
    request = intake_pb2.CreateReportRequest(report=a_report(), request_id=request_id())
    mine = await clients.intake.CreateReport(request, **clients.as_("clerk", "62", sub="one"))
    theirs = await clients.intake.CreateReport(request, **clients.as_("clerk", "62", sub="two"))
    assert mine.name != theirs.name


async def test_after_a_refusal_the_same_id_may_succeed(clients: Clients) -> None:
    """A refusal writes nothing; a caller who waits for the right state need not invent a new id."""
    report, officer = await clients.file_report(), clients.as_("duty_officer", "62")
    target = await clients.file_report()
    merge = intake_pb2.MergeReportRequest(
        name=report.name, target=target.name, reason="same", etag="7", request_id=request_id()
    )
    code, info, _ = await refused(clients.intake.MergeReport(merge, **officer))
    assert (code, info.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    merge.etag = ""
    assert (await clients.intake.MergeReport(merge, **officer)).state == report_pb2.REPORT_STATE_MERGED


async def test_killed_between_commit_and_answer_every_command_has_one_effect(clients: Clients) -> None:
    """Callers who got no answer ask again with the same id, until they get one."""
    clerk, stack = clients.as_("clerk", "62"), clients.stack
    requests = [
        intake_pb2.CreateReportRequest(report=a_report(f"第{index}件。"), request_id=request_id())
        for index in range(150)
    ]

    async def file(request: intake_pb2.CreateReportRequest) -> tuple[str, int]:
        for attempt in range(200):
            try:
                return (await clients.intake.CreateReport(request, **clerk)).name, attempt
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.1)
        raise AssertionError("never answered")

    filing = [asyncio.create_task(file(request)) for request in requests]
    while sum(task.done() for task in filing) < 10:
        await asyncio.sleep(0)
    await asyncio.to_thread(stack.await_restart, "intake", stack.kill("intake"))
    answers = await asyncio.gather(*filing)
    assert any(attempts for _, attempts in answers), "the kill came too late to hit anything"
    names = {name for name, _ in answers}
    assert len(names) == len(requests)

    connection = await Scratch.main(stack).connect()
    try:
        query = """SELECT count(*) AS events, count(DISTINCT number) AS reports FROM intake.events
            WHERE kind = 'ReportReceived' AND number IN (
                SELECT number FROM intake.reports WHERE received_at >= (
                    SELECT min(received_at) FROM intake.reports WHERE number = ANY($1::text[])))"""
        row = await connection.fetchrow(query, [name.removeprefix("reports/") for name in names])
        assert (row["events"], row["reports"]) == (len(requests), len(requests))
    finally:
        await connection.close()
