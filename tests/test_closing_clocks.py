"""Closing ends the unit's own handling and nothing else: rights run on, and so do the terms of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, PATIENCE, Clients, request_id
from tests.rpcs import call
from tests.still import Still, standing_still
from workflows.nets.matters import breached_numbers

pytestmark = pytest.mark.fault("A5")
KEPT = (
    "civil_limitation",
    "petition_notice",
    "labour_arbitration_award",
    "administrative_suit",
    "judicial_confirmation",
)
ENDED = "registration"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        yield found


async def opened(still: Still, running: int) -> str:
    """Open a case in this moment and return its name."""
    name = f"cases/{COUNTY}-2017-{running:06d}"
    case = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category="categories/labour", grade=2, channel=1)
    request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
    await MediationServiceStub(still.channel).CreateCase(request, **still.as_service())
    return name


async def closed(still: Still, name: str) -> case_pb2.Case:
    """Close a case as referred and return the answer."""
    stub = MediationServiceStub(still.channel)
    asked = mediation_pb2.RequestClosingRequest(name=name, outcome=case_pb2.OUTCOME_REFERRED, request_id=request_id())
    await stub.RequestClosing(asked, **still.as_("handler", COUNTY))
    request = mediation_pb2.CloseCaseRequest(name=name, approved=True, request_id=request_id())
    answer: case_pb2.Case = await stub.CloseCase(request, **still.as_("reviewer", COUNTY))
    return answer


async def start(still: Still, case: str, rule: str) -> str:
    """Start a clock by hand; return its name, or the reason of the refusal."""
    request = clock_pb2.StartClockRequest(service="mediation", case=case, rule=rule, request_id=request_id())
    path = "/accord.clock.v1.ClockService/StartClock"
    answer = await call(still.channel, path, request.SerializeToString(), **still.as_("handler", COUNTY))
    return answer.reason or clock_pb2.Clock.FromString(answer.messages[0]).name


async def states(still: Still, case: str) -> dict[str, int]:
    """Return the state of each clock of a case, by rule."""
    request = clock_pb2.ListClocksRequest(service="mediation", case=case, page_size=100)
    found = await ClockServiceStub(still.channel).ListClocks(request, **still.as_("auditor", "62"))
    return {each.rule: each.state for each in found.clocks}


async def told(still: Still, case: str, kind: str) -> list[dict[str, Any]]:
    """Return what the events of a kind say."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=1000)
    found = (await FeedServiceStub(still.channel).ListEvents(request, **still.as_("auditor", "62"))).events
    return [MessageToDict(each.payload) for each in found if each.type == kind]


async def test_closing_cancels_what_belongs_to_the_handling_and_names_it(still: Still) -> None:
    still.to("2026-03-02T09:00")
    case = await opened(still, 1)
    for rule in (*KEPT, ENDED):
        assert (await start(still, case, rule)).startswith("clocks/"), rule
    answer = await closed(still, case)
    after = await states(still, case)
    assert {rule: after[rule] for rule in KEPT} == dict.fromkeys(KEPT, clock_pb2.CLOCK_STATE_RUNNING)
    assert after["registration"] == clock_pb2.CLOCK_STATE_CANCELLED
    cancelled = sorted(answer.cancelled_clocks)
    assert any(each.endswith(".registration-1") for each in cancelled)
    assert not any(rule in each for each in cancelled for rule in KEPT)
    (event,) = await told(still, case, "CaseClosed")
    assert sorted(event["cancelled_clocks"]) == cancelled


async def test_a_right_begins_fires_and_is_stopped_after_the_case_is_closed(still: Still) -> None:
    still.to("2026-03-02T09:00")
    case = await opened(still, 2)
    await closed(still, case)
    name = await start(still, case, "enforcement")
    assert name.startswith("clocks/mediation/")
    assert (await start(still, case, "autopsy")).startswith("clocks/mediation/")
    # What would be handling begins no more.
    assert await start(still, case, "registration") == "WRONG_STATE"
    still.to("2026-03-05T09:00")
    await still.fire(case.split("/")[1])
    assert [each["rule"] for each in await told(still, case, "ClockOverdue")] == ["autopsy"]
    request = clock_pb2.StopClockRequest(name=name, met=True, request_id=request_id())
    stopped = await ClockServiceStub(still.channel).StopClock(request, **still.as_("handler", COUNTY))
    assert stopped.state == clock_pb2.CLOCK_STATE_MET


async def test_what_was_breached_and_fell_away_with_its_case_is_asked_for_again_when_the_engine_was_lost(
    still: Still,
) -> None:
    opened_at = still.to("2026-03-02T09:00")
    case = await opened(still, 3)
    closed_at = still.to("2026-03-10T09:00")  # nobody asked in time: the closing itself tells of the breach
    await closed(still, case)
    assert (await told(still, case, "ClockOverdue"))[0]["rule"] == "sign"
    assert (await states(still, case))["sign"] == clock_pb2.CLOCK_STATE_CANCELLED
    async with still.backends() as backends:
        number = case.removeprefix("cases/")
        assert number in [each async for each in breached_numbers(backends, opened_at)]
        assert number not in [each async for each in breached_numbers(backends, closed_at)]


async def test_a_workflow_keeps_what_begins_after_the_end(clients: Clients) -> None:
    case = await clients.accept(await clients.file_report())
    await clients.finish(case.name)
    temporal = await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")
    handle = temporal.get_workflow_handle(case.name)
    async with asyncio.timeout(PATIENCE):
        await handle.result()
    request = clock_pb2.StartClockRequest(
        service="mediation", case=case.name, rule="protection_order_urgent", request_id=request_id()
    )
    await clients.clocks["mediation"].StartClock(request, **clients.as_("handler", "62"))
    async with asyncio.timeout(PATIENCE):
        while (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("turn", ["accept", "decline"])
async def test_a_clock_started_by_hand_at_the_door_is_kept_when_the_report_is_accepted_or_declined(
    turn: str, clients: Clients
) -> None:
    report = await clients.file_report()
    number = report.name.removeprefix("reports/")
    request = clock_pb2.StartClockRequest(
        service="intake", case=f"cases/{number}", rule="protection_order_urgent", request_id=request_id()
    )
    await clients.clocks["intake"].StartClock(request, **clients.as_("handler", "62"))
    if turn == "accept":
        await clients.accept(report)
    else:
        decline = intake_pb2.DeclineReportRequest(
            name=report.name, reason="elsewhere", route=report_pb2.ROUTE_COURT, request_id=request_id()
        )
        await clients.intake.DeclineReport(decline, **clients.as_("duty_officer", "62"))
    temporal = await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")
    handle = temporal.get_workflow_handle(f"cases/{number}")
    stage = "handling" if turn == "accept" else "declined"
    async with asyncio.timeout(PATIENCE):
        while "intake" not in (standing := await standing_of(handle)) or standing["stage"] != stage:
            await asyncio.sleep(0.2)


async def standing_of(handle: WorkflowHandle[Any, Any]) -> dict[str, str]:
    """Return stage and next rungs as a case's workflow knows them; nothing while it is not there or has not begun."""
    try:
        found: dict[str, str] = await handle.query("standing")
    except RPCError:
        return {"stage": ""}
    return found
