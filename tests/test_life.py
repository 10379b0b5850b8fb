"""One case, end to end, over the real stack."""

from __future__ import annotations

import asyncio

from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2
from temporalio.client import Client, WorkflowExecutionStatus

from tests.conftest import Clients
from tests.patience import PATIENCE


async def test_a_report_becomes_one_case_with_one_plan_and_is_closed(clients: Clients) -> None:
    report = await clients.file_report()
    assert report.triage.grade == report_pb2.GRADE_LOW
    assert report.receipt_code

    case = await clients.accept(report)
    assert case.name == report.case
    assert case.open_tasks > 0

    closed = await clients.finish(case.name)
    assert closed.stage == case_pb2.STAGE_CLOSED
    assert closed.outcome == case_pb2.OUTCOME_RESOLVED
    assert not closed.overdue

    temporal = await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")
    handle = temporal.get_workflow_handle(case.name)
    async with asyncio.timeout(PATIENCE):
        assert await handle.result() == {"stage": "closed"}
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_the_holder_of_a_receipt_is_told_where_it_stands(clients: Clients) -> None:
    report = await clients.file_report()
    request = intake_pb2.GetReceiptRequest(name=f"receipts/{report.receipt_code.lower()}")
    receipt = await clients.intake.GetReceipt(request, **clients.as_("citizen", "620102001001"))
    assert receipt.case == report.case
    assert receipt.due_time == report.due_time
    assert receipt.unit_display_name == "城关区"
