"""A complaint about a unit: received above it, handled by others, and who complained stays hidden from it."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc
import pytest
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import mediation_pb2, people_pb2

from casework.door.complaint import lies_within, receiving_unit
from casework.errors import CaseError, Reason
from casework.mediation.choosing import Against, Conflict, conflict_of
from casework.units import Unit, UnitTree, level_of, parent_code
from tests.conftest import COUNTY, Clients, request_id
from tests.rpcs import send
from tests.world import new_report

TOWN, SIBLING = "620102001", "620102002"
TEXT = "镇上的办事员三个月不给开证明，还当众骂人。"


def tree() -> UnitTree:
    codes = ("cn", "62", "6201", "620102", "620102001", "620102002", "620102-labour", "620102-labour-inspection")
    return UnitTree(Unit(code, code, level_of(code), parent_code(code)) for code in codes)


@pytest.mark.parametrize(
    ("filed_to", "about", "receives"),
    [
        (TOWN, TOWN, COUNTY),  # at its own counter
        (COUNTY, TOWN, COUNTY),
        (TOWN, "", TOWN),
        (SIBLING, TOWN, SIBLING),
        (TOWN, COUNTY, "6201"),  # the county's township lies in the county
        ("620102-labour", "620102-labour", COUNTY),
        (
            "620102-labour-inspection",
            "620102-labour",
            "620102-labour-inspection",
        ),  # not a part of it
    ],
)
def test_a_complaint_is_received_by_nobody_it_is_about(filed_to: str, about: str, receives: str) -> None:
    assert receiving_unit(filed_to, about, tree()) == receives


def test_above_a_province_there_is_nobody_to_complain_to() -> None:
    with pytest.raises(CaseError) as refused:
        receiving_unit("62", "62", tree())
    assert refused.value.fields[0].field == "report.about_unit"
    assert refused.value.reason is Reason.TOP_LEVEL or "level" in refused.value.fields[0].en


def test_nothing_lies_within_no_unit_and_nobody_of_the_unit_complained_of_mediates() -> None:
    assert not lies_within("", TOWN)
    empty: frozenset[str] = frozenset()
    against = Against(empty, empty, empty, empty, empty, empty, empty, about=TOWN)
    assert conflict_of("m-1", f"{TOWN}001", against) is Conflict.SAME_UNIT
    assert conflict_of("m-2", SIBLING, against) is Conflict.NONE


async def complained(clients: Clients, text: str = TEXT) -> report_pb2.Report:
    """Return a complaint about the township, taken down at its own counter, with the reporter's name."""
    report = new_report(
        text=text, unit=f"units/{TOWN}", about_unit=f"units/{TOWN}",
        reporter=report_pb2.Reporter(display_name="马秀英", phone="13993100456"),
    )  # fmt: skip
    request = intake_pb2.CreateReportRequest(report=report, request_id=request_id())
    created: report_pb2.Report = await clients.intake.CreateReport(request, **clients.as_("clerk", TOWN))
    return created


async def is_refused(call: Awaitable[object], code: grpc.StatusCode, reason: str = "") -> None:
    """Check that a call is refused in this way."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is code, refused.value.details()
    assert reason in str(refused.value.trailing_metadata())


async def test_the_unit_complained_of_takes_it_down_and_never_sees_it_again(clients: Clients) -> None:
    report = await complained(clients)
    assert report.unit == f"units/{COUNTY}"
    number = report.name.removeprefix("reports/")
    content = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")
    for role in ("clerk", "duty_officer"):
        for unit in (TOWN, f"{TOWN}001"):
            caller = clients.as_(role, unit)
            denied = grpc.StatusCode.PERMISSION_DENIED
            await is_refused(clients.intake.GetReportContent(content, **caller), denied)
            await is_refused(clients.intake.GetReport(intake_pb2.GetReportRequest(name=report.name), **caller), denied)
            listed = await clients.intake.ListReports(intake_pb2.ListReportsRequest(page_size=1000), **caller)
            assert number not in str(listed)
    found = await clients.intake.GetReportContent(content, **clients.as_("duty_officer", COUNTY))
    assert found.reporter.display_name == "马秀英"


async def test_it_is_no_suggestion_to_the_unit_it_is_about(clients: Clients) -> None:
    text = "街道的工作人员把我的材料丢了两回，还说没有收到过。"
    report = await complained(clients, text)
    for unit, is_shown in ((TOWN, False), (f"{TOWN}001", False), (SIBLING, True)):
        request = intake_pb2.FindDuplicatesRequest(
            unit=f"units/{unit}", category="categories/neighbour", text=text, max_results=50
        )
        found = await clients.intake.FindDuplicates(request, **clients.as_("clerk", unit))
        assert (report.name in {each.report for each in found.duplicates}) is is_shown, unit


async def test_it_is_never_accepted_for_nor_transferred_to_the_unit_it_is_about(clients: Clients) -> None:
    report = await complained(clients)
    accept = intake_pb2.AcceptReportRequest(name=report.name, unit=f"units/{TOWN}", request_id=request_id())
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    await is_refused(
        clients.intake.AcceptReport(accept, **clients.as_("duty_officer", COUNTY)), precondition, "COMPLAINED_OF"
    )
    case = await clients.accept(report)
    assert (case.unit, case.about_unit) == (f"units/{COUNTY}", f"units/{TOWN}")
    transfer = mediation_pb2.TransferCaseRequest(name=case.name, unit=f"units/{TOWN}", request_id=request_id())
    await is_refused(
        clients.mediation.TransferCase(transfer, **clients.as_("unit_head", COUNTY)), precondition, "COMPLAINED_OF"
    )
    # It may be asked to answer by a task of the plan; the people of the case stay closed to it.
    parties = people_pb2.ListPartiesRequest(parent=case.name)
    for role in ("handler", "mediator", "unit_head"):
        await is_refused(
            clients.people.ListParties(parties, **clients.as_(role, TOWN)), grpc.StatusCode.PERMISSION_DENIED
        )


async def test_an_unknown_unit_complained_of_is_named(clients: Clients) -> None:
    request = intake_pb2.CreateReportRequest(report=new_report(about_unit="units/629999"), request_id=request_id())
    answer = await send(clients, "intake.CreateReport", request)
    assert answer.fields == ["report.about_unit"]


@pytest.mark.fault("C3")
async def test_a_task_of_a_complaint_is_never_dispatched_to_whom_it_is_about_nor_signed_there(
    clients: Clients,
) -> None:
    case = await clients.accept(await complained_of(clients, "labour", f"{COUNTY}-labour"))
    plan = await clients.mediation.GetPlan(
        mediation_pb2.GetPlanRequest(name=f"{case.name}/plan"), **clients.as_("handler", COUNTY)
    )
    # What the plan has for the department complained of falls to who answers for the case.
    assert {task.unit for task in plan.tasks} == {f"units/{COUNTY}"}
    task, officer = plan.tasks[0].name, clients.as_("duty_officer", COUNTY)
    back = mediation_pb2.ReturnTaskRequest(name=task, reason="not-ours", request_id=request_id())
    await clients.mediation.ReturnTask(back, **clients.as_("handler", COUNTY))
    there = mediation_pb2.DispatchTaskRequest(name=task, unit=f"units/{COUNTY}-labour", request_id=request_id())
    await is_refused(
        clients.mediation.DispatchTask(there, **officer), grpc.StatusCode.FAILED_PRECONDITION, "COMPLAINED_OF"
    )
    sign = mediation_pb2.SignTaskRequest(name=task, request_id=request_id())
    await is_refused(
        clients.mediation.SignTask(sign, **clients.as_("handler", f"{COUNTY}-labour")),
        grpc.StatusCode.PERMISSION_DENIED,
    )


@pytest.mark.fault("C3")
async def test_a_complaint_is_not_handed_back_to_whom_it_is_about(clients: Clients) -> None:
    report = await complained(clients)
    case = await clients.accept(report)
    raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck")
    create = escalation_pb2.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id())
    escalation = await clients.escalation.CreateEscalation(create, **clients.as_("handler", COUNTY))
    back = escalation_pb2.ReturnEscalationRequest(
        name=escalation.name, unit=f"units/{TOWN}", reason="yours", expectation="请办理。", request_id=request_id()
    )
    await is_refused(
        clients.escalation.ReturnEscalation(back, **clients.as_("unit_head", "6201")),
        grpc.StatusCode.FAILED_PRECONDITION,
        "COMPLAINED_OF",
    )


@pytest.mark.fault("C3")
async def test_a_complaint_is_not_merged_into_what_may_travel_to_whom_it_is_about(clients: Clients) -> None:
    report, other = await complained(clients), await clients.file_report("镇上的办事员不给开证明。")
    for name, target in ((report.name, other.name), (other.name, report.name)):
        merge = intake_pb2.MergeReportRequest(name=name, target=target, reason="same-matter", request_id=request_id())
        await is_refused(
            clients.intake.MergeReport(merge, **clients.as_("duty_officer", COUNTY)),
            grpc.StatusCode.FAILED_PRECONDITION,
            "COMPLAINED_OF",
        )


async def complained_of(clients: Clients, category: str, about: str) -> report_pb2.Report:
    """Return a complaint about a department, taken down by the county."""
    report = new_report(text=TEXT, category=f"categories/{category}", about_unit=f"units/{about}", people_affected=8)
    request = intake_pb2.CreateReportRequest(report=report, request_id=request_id())
    created: report_pb2.Report = await clients.intake.CreateReport(request, **clients.as_("clerk", COUNTY))
    return created
