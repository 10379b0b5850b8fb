"""One trace from the gateway to the activity, through the event log and Temporal; and what metrics say."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

import grpc
import httpx
import pytest
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.keys import ROLES
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import CALL, PATIENCE
from tests.rpcs import granted
from tests.traced import of_processes


async def test_one_trace_leads_from_the_door_to_the_activity(clients: Clients, rest: httpx.AsyncClient) -> None:
    """The trace in which a report came in goes with its case: the workflow's activities are spans of it."""
    trace = secrets.token_hex(16)
    answer = await rest.post(
        "/v1/reports",
        json={
            "channel": "CHANNEL_COUNTER",
            "unit": f"units/{COUNTY}",
            "category": "categories/neighbour",
            "text": "楼上漏水，天花板泡坏了。",
        },
        headers={"Idempotency-Key": request_id(), "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )
    assert answer.status_code == 200, answer.text
    await clients.accept(report_pb2.Report(name=answer.json()["name"], case=answer.json()["case"]))

    found = await of_processes(clients, trace, "gateway", "intake", "relay", "worker", "mediation")
    names = {span["name"] for span in found}
    assert "/accord.intake.v1.IntakeService/CreateReport" in names
    assert "/accord.mediation.v1.MediationService/CreateCase" in names
    assert any("open_case" in name for name in names)


async def test_every_process_says_what_it_does_on_its_metrics_page(clients: Clients) -> None:
    await clients.file_report()
    ports = clients.stack.ports
    expected = {
        "intake_metrics": 'accord_requests_total{code="OK",method="/accord.intake.v1.IntakeService/CreateReport"}',
        "mediation_metrics": "accord_request_seconds",
        "relay_metrics": 'accord_relay_told_total{source="intake"}',
        "worker_metrics": "python_info",
    }
    async with httpx.AsyncClient() as client:
        for port, line in expected.items():
            page = (await client.get(f"http://127.0.0.1:{ports[port]}/metrics")).text
            assert line in page, port


@pytest.mark.fault("D4")
async def test_a_refusal_counts_by_its_own_code(clients: Clients) -> None:
    async def counted(method: str, code: str) -> float:
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"http://127.0.0.1:{clients.stack.ports['intake_metrics']}/metrics")).text
        found = re.search(rf'accord_requests_total{{code="{code}",method="[^"]*{method}"}} ([0-9.]+)', page)
        return float(found[1]) if found else 0.0

    async def becomes(method: str, code: str, number: float) -> None:
        async with asyncio.timeout(PATIENCE):  # the answer is out a moment before it is counted
            while await counted(method, code) != number:
                await asyncio.sleep(0.05)

    async def refused(stub: Any, request: Any, caller: dict[str, Any]) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await stub(request, **caller)

    absent, odd = intake_pb2.GetReportRequest(name="reports/620102-1999-999999"), intake_pb2.GetReportRequest(name="x")
    stranger = {"metadata": (("authorization", "Bearer x"),), "timeout": CALL}
    cases = [
        (absent, clients.as_("clerk"), "NOT_FOUND"),
        (odd, clients.as_("clerk"), "INVALID_ARGUMENT"),
        (absent, stranger, "UNAUTHENTICATED"),
        (absent, clients.as_(min(set(ROLES) - granted()["reports.get"])), "PERMISSION_DENIED"),
    ]
    fine = await counted("GetReport", "OK")
    for request, caller, code in cases:
        before = await counted("GetReport", code)
        await refused(clients.intake.GetReport, request, caller)
        await becomes("GetReport", code, before + 1)
    assert await counted("GetReport", "OK") == fine

    before = await counted("other", "UNIMPLEMENTED")
    nothing = clients.channels["intake"].unary_unary("/accord.intake.v1.IntakeService/Nothing")
    await refused(nothing, b"", clients.as_("clerk"))
    await becomes("other", "UNIMPLEMENTED", before + 1)
