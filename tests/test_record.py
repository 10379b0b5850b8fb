"""Who may act on a case is decided by what the case says, beside the role: of the unit, of a task, who made it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from pb.mediation.v1 import case_pb2, documents_pb2, mediation_pb2, people_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.world_documents import PDF

LABOUR, LAND = f"{COUNTY}-labour", f"{COUNTY}-land"


async def refused(call: Awaitable[Any]) -> str:
    """Return the code a call is refused with; empty where it is not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return ""


async def wages(clients: Clients) -> case_pb2.Case:
    """Return a case of the county with tasks of its labour department."""
    return await clients.accept(
        await clients.file_report("工地拖欠八个人三个月工资。", category="categories/labour", people_affected=8)
    )


async def tasks_of(clients: Clients, case: str) -> list[case_pb2.Task]:
    plan = await clients.mediation.GetPlan(
        mediation_pb2.GetPlanRequest(name=f"{case}/plan"), **clients.as_("handler", COUNTY)
    )
    return list(plan.tasks)


@pytest.mark.fault("C9")
async def test_a_unit_with_an_open_task_sees_what_its_part_needs_and_no_other_department_does(clients: Clients) -> None:
    case = await wages(clients)
    assert LABOUR in {task.unit.removeprefix("units/") for task in await tasks_of(clients, case.name)}
    for role in ("handler", "unit_head"):
        ours, others = clients.as_(role, LABOUR), clients.as_(role, LAND)
        for method, request in (
            (clients.mediation.GetCase, mediation_pb2.GetCaseRequest(name=case.name)),
            (clients.mediation.GetPlan, mediation_pb2.GetPlanRequest(name=f"{case.name}/plan")),
            (clients.people.ListParties, people_pb2.ListPartiesRequest(parent=case.name)),
            (clients.documents.ListDocuments, documents_pb2.ListDocumentsRequest(parent=case.name)),
        ):
            assert await refused(method(request, **ours)) == "", (role, method)
            assert await refused(method(request, **others)) == "PERMISSION_DENIED", (role, method)


@pytest.mark.fault("C9")
async def test_who_has_a_task_does_not_act_on_the_case_itself_nor_sees_it_when_the_task_is_over(
    clients: Clients,
) -> None:
    case = await wages(clients)
    close = mediation_pb2.RequestClosingRequest(
        name=case.name, outcome=case_pb2.OUTCOME_AGREED, request_id=request_id()
    )
    assert (
        await refused(clients.mediation.RequestClosing(close, **clients.as_("handler", LABOUR))) == "PERMISSION_DENIED"
    )
    for task in await tasks_of(clients, case.name):
        if task.unit != f"units/{LABOUR}":
            continue
        back = mediation_pb2.ReturnTaskRequest(name=task.name, reason="not-ours", request_id=request_id())
        await clients.mediation.ReturnTask(back, **clients.as_("handler", LABOUR))
        again = mediation_pb2.DispatchTaskRequest(name=task.name, unit=f"units/{COUNTY}", request_id=request_id())
        await clients.mediation.DispatchTask(again, **clients.as_("duty_officer", COUNTY))
    request = mediation_pb2.GetCaseRequest(name=case.name)
    assert await refused(clients.mediation.GetCase(request, **clients.as_("handler", LABOUR))) == "PERMISSION_DENIED"


@pytest.mark.fault("C9")
async def test_who_made_a_document_opens_it_and_no_other_clerk_does(clients: Clients) -> None:
    case = await clients.accept(await clients.file_report())
    scan = documents_pb2.AddScannedDocumentRequest(
        parent=case.name, form=documents_pb2.DOCUMENT_FORM_EVIDENCE, content=PDF, pages=1, request_id=request_id()
    )
    made = await clients.documents.AddScannedDocument(scan, **clients.as_("clerk", COUNTY, "clerk-who-scans"))
    request = documents_pb2.GetDocumentRequest(name=made.name)
    opened = await clients.documents.GetDocument(request, **clients.as_("clerk", COUNTY, "clerk-who-scans"))
    assert opened.content == PDF
    other = clients.as_("clerk", COUNTY, "another-clerk")
    assert await refused(clients.documents.GetDocument(request, **other)) == "PERMISSION_DENIED"
    missing = documents_pb2.GetDocumentRequest(name=f"{case.name}/documents/999")
    assert await refused(clients.documents.GetDocument(missing, **other)) == "PERMISSION_DENIED"
