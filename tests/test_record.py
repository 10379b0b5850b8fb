"""Who may act on a case is decided by what the case says, beside the role: of the unit, of a task, who made it."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2, facts_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, consent_pb2, documents_pb2, grants_pb2, mediation_pb2, people_pb2
from pb.mediation.v1.grants_pb2_grpc import GrantServiceStub
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub

import workflows
from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients, request_id
from tests.still import standing_still
from tests.world_documents import PDF
from tests.world_grants import grant as a_grant
from workflows import relay

LABOUR, LAND = f"{COUNTY}-labour", f"{COUNTY}-land"
TOWN, BESIDE, VILLAGE = "620102001", "620102002", "620102001001"


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


async def until(holds: Any) -> None:
    """Wait until something that is told a moment later holds."""
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.05)


@pytest.mark.fault("C9")
async def test_who_answers_for_a_case_reads_its_report_from_the_moment_it_is_theirs_and_no_longer(
    clients: Clients,
) -> None:
    report = await clients.file_report("楼上漏水，三次上门都不开门。", unit=f"units/{TOWN}")
    case = await clients.accept(report)
    content = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")
    for role in ("handler", "unit_head"):
        opened = await clients.intake.GetReportContent(content, **clients.as_(role, TOWN))
        assert opened.text == "楼上漏水，三次上门都不开门。"
        above = clients.intake.GetReportContent(content, **clients.as_(role, COUNTY))
        assert await refused(above) == "PERMISSION_DENIED", "the unit above does not answer for it"
    move = mediation_pb2.TransferCaseRequest(name=case.name, unit=f"units/{BESIDE}", request_id=request_id())
    await clients.mediation.TransferCase(move, **clients.as_("duty_officer", COUNTY))

    async def moved() -> bool:
        return await refused(clients.intake.GetReportContent(content, **clients.as_("handler", BESIDE))) == ""

    await until(moved)
    for role in ("handler", "unit_head", "clerk", "duty_officer", "mediator"):
        old = clients.as_(role, TOWN)
        assert await refused(clients.intake.GetReportContent(content, **old)) == "PERMISSION_DENIED", role
        get = clients.mediation.GetCase(mediation_pb2.GetCaseRequest(name=case.name), **old)
        assert await refused(get) == "PERMISSION_DENIED", role
        listed = await clients.intake.ListReports(
            intake_pb2.ListReportsRequest(page_size=1000), **clients.as_("clerk", TOWN)
        )
        assert report.name not in {each.name for each in listed.reports}


@pytest.mark.fault("C9")
async def test_a_unit_with_an_open_task_reads_the_report(clients: Clients) -> None:
    report = await clients.file_report("工地拖欠八个人三个月工资。", category="categories/labour", people_affected=8)
    await clients.accept(report)
    content = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")

    async def opens() -> bool:
        return await refused(clients.intake.GetReportContent(content, **clients.as_("handler", LABOUR))) == ""

    await until(opens)
    assert (
        await refused(clients.intake.GetReportContent(content, **clients.as_("handler", LAND))) == "PERMISSION_DENIED"
    )


@pytest.mark.fault("C2")
async def test_the_owner_of_a_case_decides_who_reads_its_history_in_every_service(clients: Clients) -> None:
    case = await clients.accept(await clients.file_report("楼道堆满杂物。", unit=f"units/{TOWN}"))
    raised = escalation_pb2.Escalation(mode=1, from_unit=case.unit, reason="stuck")
    create = escalation_pb2.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id())
    await clients.escalation.CreateEscalation(create, **clients.as_("handler", TOWN))
    move = mediation_pb2.TransferCaseRequest(name=case.name, unit=f"units/{BESIDE}", request_id=request_id())
    await clients.mediation.TransferCase(move, **clients.as_("duty_officer", COUNTY))
    # The last event of escalation is still that of the unit which had it before.
    for service, feed in clients.feeds.items():
        request = feed_pb2.ListEventsRequest(service=service, case=case.name)

        async def reads(feed: Any = feed, request: Any = request) -> bool:
            return await refused(feed.ListEvents(request, **clients.as_("handler", BESIDE))) == ""

        await until(reads)
        assert await refused(feed.ListEvents(request, **clients.as_("handler", TOWN))) == "PERMISSION_DENIED", service


@pytest.mark.fault("C8")
async def test_a_grid_worker_files_upwards_and_does_nothing_else_there(clients: Clients) -> None:
    grid = clients.as_("grid_worker", VILLAGE, "walks-the-round")
    report = report_pb2.Report(
        channel=report_pb2.CHANNEL_GRID, unit=f"units/{COUNTY}", category="categories/neighbour", text="井盖丢了一个。"
    )
    filed = await clients.intake.CreateReport(
        intake_pb2.CreateReportRequest(report=report, request_id=request_id()), **grid
    )
    content = intake_pb2.GetReportContentRequest(name=f"{filed.name}/content")
    assert (await clients.intake.GetReportContent(content, **grid)).text == "井盖丢了一个。"
    another = clients.as_("grid_worker", VILLAGE, "another-round")
    assert await refused(clients.intake.GetReportContent(content, **another)) == "PERMISSION_DENIED"
    verify = intake_pb2.VerifyReportRequest(name=filed.name, founded=False, request_id=request_id())
    assert await refused(clients.intake.VerifyReport(verify, **grid)) == "PERMISSION_DENIED"
    case = await clients.accept(filed)
    task = f"{case.name}/tasks/1"
    sign = mediation_pb2.SignTaskRequest(name=task, request_id=request_id())
    assert await refused(clients.mediation.SignTask(sign, **grid)) == "PERMISSION_DENIED"
    done = mediation_pb2.ReportTaskRequest(name=task, evidence="doc-1", request_id=request_id())
    assert await refused(clients.mediation.ReportTask(done, **grid)) == "PERMISSION_DENIED"
    party = people_pb2.Party(side=1, kind=1, details=people_pb2.PartyDetails(display_name="赵某"))
    added = await clients.people.CreateParty(
        people_pb2.CreatePartyRequest(parent=case.name, party=party, request_id=request_id()), **clients.as_("clerk")
    )
    leave = consent_pb2.WithdrawPartyRequest(name=added.name, request_id=request_id())
    assert await refused(clients.consents.WithdrawParty(leave, **grid)) == "PERMISSION_DENIED"


@pytest.mark.fault("C12")
async def test_a_door_belongs_to_a_role_and_a_client(clients: Clients) -> None:
    pb = report_pb2

    async def files(role: str, unit: str, to: str, channel: int) -> str:
        report = pb.Report(
            channel=channel, unit=f"units/{to}", category="categories/neighbour", text="楼上漏水，对方不赔。"
        )  # type: ignore[arg-type]
        request = intake_pb2.CreateReportRequest(report=report, request_id=request_id())
        return await refused(clients.intake.CreateReport(request, **clients.as_(role, unit)))

    assert await files("citizen", VILLAGE, TOWN, pb.CHANNEL_APP) == ""
    assert await files("grid_worker", VILLAGE, COUNTY, pb.CHANNEL_GRID) == ""
    for channel in (pb.CHANNEL_POLICE, pb.CHANNEL_COURT, pb.CHANNEL_PETITION, pb.CHANNEL_DEPARTMENT):
        assert await files("citizen", VILLAGE, TOWN, channel) == "PERMISSION_DENIED", channel
        assert await files("grid_worker", VILLAGE, TOWN, channel) == "PERMISSION_DENIED", channel
    assert await files("integrator", f"{COUNTY}-court", COUNTY, pb.CHANNEL_COURT) == ""
    assert await files("integrator", f"{COUNTY}-court", COUNTY, pb.CHANNEL_POLICE) == "PERMISSION_DENIED"
    assert await files("integrator", f"{COUNTY}-police", COUNTY, pb.CHANNEL_COURT) == "PERMISSION_DENIED"
    assert await files("integrator", f"{COUNTY}-court", "620103", pb.CHANNEL_COURT) == "PERMISSION_DENIED"


OURS = {lane.consumer for lane in relay.LANES} | {
    found.CONSUMER
    for each in pkgutil.walk_packages(workflows.__path__, "workflows.")
    if hasattr(found := importlib.import_module(each.name), "CONSUMER")
}
"""Under what names the workers and the relay read on, wherever they say so."""


@pytest.mark.fault("C13")
async def test_what_is_the_machines_is_no_persons_not_even_at_the_root(clients: Clients) -> None:
    facts = facts_pb2.RecordFactsRequest(request_id=request_id())
    fire = clock_pb2.FireDueClocksRequest(service="intake", grace_seconds=3600)
    case = (await clients.accept(await clients.file_report())).name
    for role in ("operator", "integrator", "auditor", "unit_head"):
        root = clients.as_(role, "cn")
        assert await refused(clients.facts.RecordFacts(facts, **root)) == "PERMISSION_DENIED", role
        assert await refused(clients.clocks["intake"].FireDueClocks(fire, **root)) == "PERMISSION_DENIED", role
        one = clock_pb2.FireClocksRequest(service="mediation", case=case)
        assert await refused(clients.clocks["mediation"].FireClocks(one, **root)) == "PERMISSION_DENIED", role
        for consumer in OURS:
            ack = feed_pb2.AcknowledgeEventsRequest(service="intake", consumer=consumer, position=1)
            call = clients.feeds["intake"].AcknowledgeEvents(ack, **root)
            assert await refused(call) == "PERMISSION_DENIED", (role, consumer)


@pytest.mark.fault("C13")
async def test_an_integrator_acknowledges_its_own_consumer_alone(clients: Clients) -> None:
    ack = feed_pb2.AcknowledgeEventsRequest(service="intake", consumer=f"c-{request_id()[-12:]}", position=1)
    feed = clients.feeds["intake"]
    ours, theirs = clients.as_("integrator", "cn", "first-program"), clients.as_("integrator", "cn", "another-program")
    assert await refused(feed.AcknowledgeEvents(ack, **ours)) == ""
    assert await refused(feed.AcknowledgeEvents(ack, **theirs)) == "PERMISSION_DENIED"
    assert await refused(feed.AcknowledgeEvents(ack, **ours)) == ""


@pytest.mark.fault("C11")
async def test_a_few_words_feel_out_nothing_of_a_text_that_one_may_not_read(clients: Clients) -> None:
    text = "隔壁仓库夜里往河里倒废油，已经拍到照片了，请尽快来看。"
    report = await clients.file_report(text, unit=f"units/{BESIDE}")

    async def found(text: str, role: str, unit: str) -> dict[str, report_pb2.Duplicate]:
        request = intake_pb2.FindDuplicatesRequest(text=text, unit=f"units/{unit}", max_results=50)
        answer = await clients.intake.FindDuplicates(request, **clients.as_(role, unit))
        return {each.report: each for each in answer.duplicates}

    assert (await found(text, "clerk", BESIDE))[report.name].text_similarity == 1.0
    same = (await found(text, "clerk", TOWN))[report.name]
    assert (same.score, same.text_similarity) == (0, 0)
    assert report.name not in await found("夜里往河里倒废油，已经拍到", "clerk", TOWN)
    short = intake_pb2.FindDuplicatesRequest(text="倒废油", unit=f"units/{TOWN}")
    assert await refused(clients.intake.FindDuplicates(short, **clients.as_("clerk", TOWN))) == "INVALID_ARGUMENT"
    history = await clients.feeds["intake"].ListEvents(
        feed_pb2.ListEventsRequest(service="intake", case=report.case), **clients.as_("auditor", COUNTY)
    )
    assert [each.type for each in history.events].count("LikenessShown") == 2


@pytest.mark.fault("C9")
async def test_a_grant_opens_one_case_for_a_time_and_is_shown_in_the_log(clients: Clients) -> None:
    grants = GrantServiceStub(clients.channels["mediation"])
    case, other = await wages(clients), await wages(clients)
    guest, head = clients.as_("handler", "620103", "guest-of-one-case"), clients.as_("unit_head", COUNTY)
    get = mediation_pb2.GetCaseRequest(name=case.name)
    assert await refused(clients.mediation.GetCase(get, **guest)) == "PERMISSION_DENIED"
    create = grants_pb2.CreateGrantRequest(
        parent=case.name, grant=a_grant("guest-of-one-case", 10), request_id=request_id()
    )
    made = await grants.CreateGrant(create, **head)
    assert (made.active, made.emergency, made.grantor) == (True, False, f"demo-unit_head-{COUNTY}")
    assert await refused(clients.mediation.GetCase(get, **guest)) == ""
    another = mediation_pb2.GetCaseRequest(name=other.name)
    assert await refused(clients.mediation.GetCase(another, **guest)) == "PERMISSION_DENIED"
    sign = mediation_pb2.SignTaskRequest(name=f"{case.name}/tasks/1", request_id=request_id())
    assert await refused(clients.mediation.SignTask(sign, **guest)) == "PERMISSION_DENIED", "it is a grant to read"
    content = intake_pb2.GetReportContentRequest(name=f"{case.name.replace('cases', 'reports')}/content")

    async def reads() -> bool:
        return await refused(clients.intake.GetReportContent(content, **guest)) == ""

    await until(reads)
    listed = await grants.ListGrants(grants_pb2.ListGrantsRequest(parent=case.name), **head)
    assert [each.name for each in listed.grants] == [made.name]
    log = await clients.people.ListAccessLog(people_pb2.ListAccessLogRequest(parent=case.name), **head)
    assert {"grants.create", "cases.get"} <= {entry.action for entry in log.entries}
    revoke = grants_pb2.RevokeGrantRequest(name=made.name, request_id=request_id())
    ended = await grants.RevokeGrant(revoke, **head)
    assert not ended.active
    assert await refused(clients.mediation.GetCase(get, **guest)) == "PERMISSION_DENIED"

    async def reads_no_more() -> bool:
        return not await reads()

    await until(reads_no_more)


@pytest.mark.fault("C9")
async def test_nobody_grants_to_themselves_nor_for_ever_nor_from_another_county(clients: Clients) -> None:
    grants, case = GrantServiceStub(clients.channels["mediation"]), await wages(clients)

    async def made(grant: grants_pb2.Grant, **access: Any) -> str:
        request = grants_pb2.CreateGrantRequest(parent=case.name, grant=grant, request_id=request_id())
        return await refused(grants.CreateGrant(request, **access))

    head = clients.as_("unit_head", COUNTY, "head-of-county")
    assert await made(a_grant("head-of-county", 1), **head) != ""
    assert await made(a_grant("somebody", 91), **head) == "INVALID_ARGUMENT"
    assert await made(a_grant("somebody", -1), **head) == "INVALID_ARGUMENT"
    assert await made(a_grant("somebody", 1), **clients.as_("unit_head", "620103")) == "PERMISSION_DENIED"
    assert await made(a_grant("somebody", 1), **clients.as_("handler", COUNTY)) == "PERMISSION_DENIED"


@pytest.mark.fault("C9")
async def test_access_in_an_emergency_is_short_has_a_reason_and_is_put_before_the_auditor(clients: Clients) -> None:
    grants, case = GrantServiceStub(clients.channels["mediation"]), await wages(clients)
    night = clients.as_("duty_officer", TOWN, "on-duty-at-night")
    get = mediation_pb2.GetCaseRequest(name=case.name)
    assert await refused(clients.mediation.GetCase(get, **night)) == "PERMISSION_DENIED"
    silent = grants_pb2.BreakGlassRequest(parent=case.name, request_id=request_id())
    assert await refused(grants.BreakGlass(silent, **night)) == "INVALID_ARGUMENT"
    asked = grants_pb2.BreakGlassRequest(parent=case.name, reason="工人聚集，领导不在岗。", request_id=request_id())
    taken = await grants.BreakGlass(asked, **night)
    assert taken.emergency
    assert taken.expire_time.ToDatetime() - taken.create_time.ToDatetime() == timedelta(hours=4)
    assert await refused(clients.mediation.GetCase(get, **night)) == ""
    stranger = clients.as_("duty_officer", "620103")
    assert await refused(grants.BreakGlass(asked, **stranger)) == "PERMISSION_DENIED"
    auditor = clients.as_("auditor", COUNTY)
    seen = await grants.ListGrants(grants_pb2.ListGrantsRequest(parent="cases/-", emergency=True), **auditor)
    assert taken.name in {each.name for each in seen.grants}
    history = await clients.feeds["mediation"].ListEvents(
        feed_pb2.ListEventsRequest(service="mediation", case=case.name), **auditor
    )
    assert "EmergencyAccessTaken" in {event.type for event in history.events}


@pytest.mark.fault("C9")
async def test_a_grant_ends_by_itself(stack: Stack) -> None:
    async with standing_still(stack, "mediation") as still:
        now = still.to("2026-03-02T09:00")
        case = case_pb2.Case(
            name=f"cases/{COUNTY}-2026-000001", unit=f"units/{COUNTY}", category="categories/labour", grade=2
        )
        mediation, grants = MediationServiceStub(still.channel), GrantServiceStub(still.channel)
        opened = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
        await mediation.CreateCase(opened, **still.as_service())
        until = Timestamp()
        until.FromDatetime(now + timedelta(days=3))
        grant = grants_pb2.Grant(holder="guest", scope=1, reason="代为查阅。", expire_time=until)  # type: ignore[arg-type]
        create = grants_pb2.CreateGrantRequest(parent=case.name, grant=grant, request_id=request_id())
        await grants.CreateGrant(create, **still.as_("unit_head", COUNTY))
        get, guest = mediation_pb2.GetCaseRequest(name=case.name), still.as_("handler", "620103", "guest")
        still.to("2026-03-05T08:59:59")
        assert await refused(mediation.GetCase(get, **guest)) == ""
        still.to("2026-03-05T09:00")
        assert await refused(mediation.GetCase(get, **guest)) == "PERMISSION_DENIED"
