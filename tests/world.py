"""What a test finds in the county, and for each RPC a request about it that is good."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2, history_pb2
from pb.intake.v1 import desk_pb2, intake_pb2, links_pb2, public_pb2, report_pb2, reporter_pb2
from pb.mediation.v1 import case_pb2, content_pb2, invitations_pb2, mediation_pb2, progress_pb2
from PIL import Image

from casework.names import number_of
from tests import (
    world_agreement,
    world_backlog,
    world_clues,
    world_documents,
    world_facts,
    world_forwards,
    world_grants,
    world_grids,
    world_hall,
    world_hooks,
    world_ledger,
    world_letters,
    world_levels,
    world_lookups,
    world_meetings,
    world_notices,
    world_offers,
    world_panel,
    world_partners,
    world_people,
    world_plans,
    world_sessions,
    world_special,
    world_warnings,
)
from tests.conftest import COUNTY, Clients, request_id


@dataclass(frozen=True)
class World:
    """What there is in the county: a report at the door, a case with its tasks, an escalation."""

    report: report_pb2.Report
    other: report_pb2.Report
    receipt: report_pb2.Report
    """A report by whose receipt nobody acts else, with its code and its words."""
    photographed: str
    """A report with a photo."""
    declined: str
    """A report that was declined."""
    rated: str
    """Another one."""
    disputed: str
    """A report whose refusal is to be looked at again."""
    invitation: invitations_pb2.Invitation
    """The invitation of the case's second party, with its code and its words."""
    case: str
    task: str
    escalation: str
    clocks: dict[str, str]
    """A running clock at each service, by its name."""
    limitations: dict[str, str]
    """A clock at each service that a demand lets begin anew."""
    sitting: str
    """A case whose people nothing else is done to: its sessions, evidence and compartment are asked about."""
    mediated: str
    """A case whose mediation has ended, with an agreement and a docking."""
    meetings: dict[str, str]
    """Reviews, meetings and decisions by what can be done with them."""
    warnings: world_warnings.Scene
    """Warnings, recommendations and campaigns by what can be done with them."""
    clues: dict[str, str]
    """Clues of the county, by the RPC that each waits for."""
    backlog: dict[str, str]
    """Plans to clear the backlog: `drafted`, and `running` with a target that is reached."""
    special: world_special.Special
    """Matters with plans, task forces, leads, consultations."""
    assessment: str
    """An assessment of the county that its city published."""
    fix: str
    """A fix of a rule that the county proposed."""
    ledger: world_ledger.Ledger
    """Matters of the ledger, one in each state that an RPC asks for."""
    letters: dict[str, str]
    """Supervision letters of the county, by the RPC that each waits for."""


async def new_world(clients: Clients) -> World:
    """Return a world of its own in the county: nothing in it is shared with another test file."""
    report, other = await clients.file_report(), await clients.file_report("邻居家的狗整夜叫，没法睡觉。")
    fields = {"category": "categories/labour", "people_affected": 8}  # of medium grade: it may be paused and extended
    case = await clients.accept(await clients.file_report("拖欠工资三个月。", **fields))
    raised = escalation_pb2.Escalation(mode=1, from_unit=case.unit, reason="stuck")
    request = escalation_pb2.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id())
    escalation = await clients.escalation.CreateEscalation(request, **clients.as_("handler"))
    await world_people.furnish(clients, case.name)
    await world_documents.file_one(clients, case.name)
    await world_grants.furnish(clients, case.name)
    await world_offers.furnish(clients, case.name)
    await world_forwards.furnish(clients, case.name)
    await world_plans.furnish(clients, case.name)
    await world_panel.furnish(clients, case.name)
    await world_notices.furnish(clients, case.name)
    await world_hall.furnish(clients, case.name)
    await world_grids.furnish(clients, case.name)
    await world_hooks.furnish(clients, case.name)
    await world_partners.furnish(clients, case.name)
    await world_documents.carry(clients, case.name)
    sitting = await clients.accept(await clients.file_report("楼上装修，半夜敲墙。"))
    await world_sessions.furnish(clients, sitting.name)
    mediated = await world_agreement.mediated_case(clients)
    await world_levels.furnish(clients, case.name)
    number = case.name.removeprefix("cases/")
    clocks = {
        "intake": f"clocks/intake/{report.name.removeprefix('reports/')}.accept",
        "mediation": f"clocks/mediation/{number}.close",
        "escalation": f"clocks/escalation/{number}.resolve-1",
    }
    assessment, fix = await world_facts.counted(clients)
    return World(
        report=report,
        other=other,
        receipt=await clients.file_report("路灯坏了。"),
        photographed=await _photographed(clients),
        declined=await _declined(clients),
        rated=await _declined(clients),
        disputed=await _disputed(clients),
        invitation=await world_people.invited(clients, f"{case.name}/parties/2"),
        case=case.name,
        task=f"{case.name}/tasks/1",
        escalation=escalation.name,
        clocks=clocks,
        limitations={server: await _limitation(clients, server, report.case, case.name) for server in clocks},
        sitting=sitting.name,
        mediated=mediated,
        meetings=await world_meetings.furnish(clients),
        warnings=await world_warnings.furnish(clients),
        backlog=await world_backlog.furnish(clients),
        clues=await world_clues.furnish(clients),
        special=await world_special.special_matters(clients),
        assessment=assessment,
        fix=fix,
        ledger=await world_ledger.new_ledger(clients),
        letters=await world_letters.letters(clients),
    )


async def _photographed(clients: Clients) -> str:
    """Return a report with a photo."""
    report = await clients.file_report("路面塌了。")
    request = reporter_pb2.AddPhotoRequest(parent=report.name, content=picture(), request_id=request_id())
    await clients.reporters.AddPhoto(request, **clients.as_("clerk", "62"))
    return report.name


def picture(form: str = "JPEG", size: tuple[int, int] = (64, 48), **told: Any) -> bytes:
    """Return a photo; `told` is what the camera writes into it."""
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, form, **told)
    return out.getvalue()


async def _declined(clients: Clients) -> str:
    """Return a report that was declined."""
    report = await clients.file_report("要求赔偿。")
    declined = intake_pb2.DeclineReportRequest(
        name=report.name, reason="outside-scope", route=report_pb2.ROUTE_COURT, request_id=request_id()
    )
    await clients.intake.DeclineReport(declined, **clients.as_("duty_officer", "62"))
    return report.name


async def _disputed(clients: Clients) -> str:
    """Return a report that was declined, and is to be looked at again."""
    name = await _declined(clients)
    request = reporter_pb2.RequestReviewRequest(name=name, request_id=request_id())
    await clients.reporters.RequestReview(request, **clients.as_("clerk", "62"))
    return name


async def _limitation(clients: Clients, server: str, of_report: str, case: str) -> str:
    """Start the limitation of a claim for wages at a service, and return its clock."""
    subject = of_report if server == "intake" else case
    request = clock_pb2.StartClockRequest(
        service=server, case=subject, rule="labour_wage_limitation", unit=f"units/{COUNTY}", request_id=request_id()
    )
    return str((await clients.clocks[server].StartClock(request, **clients.as_("handler", "62"))).name)


def new_report(**fields: Any) -> report_pb2.Report:
    """Return a good report of the county, not yet sent."""
    given = {
        "channel": 1,
        "unit": f"units/{COUNTY}",
        "category": "categories/neighbour",
        "text": "楼上漏水。",
        **fields,
    }
    return report_pb2.Report(**given)


def _import(world: World, server: str) -> Message:
    row = intake_pb2.ImportRow(row=1, report=new_report(), request_id=request_id())
    return intake_pb2.ImportReportsRequest(rows=[row])


def _file(world: World, server: str) -> Message:
    return intake_pb2.FileReportRequest(report=new_report(channel=7), request_id=f"{request_id()}-{'0' * 32}")


def _new_case(world: World, server: str) -> Message:
    case = case_pb2.Case(name=world.case, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1)
    return mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())


def _new_escalation(world: World, server: str) -> Message:
    raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck")
    return escalation_pb2.CreateEscalationRequest(parent=world.case, escalation=raised, request_id=request_id())


def _filled(request: type[Message], **fields: Callable[[World], Any]) -> Callable[[World, str], Message]:
    """Return a maker of requests: fields from the world, a fresh request id, the server's own name."""

    def make(world: World, server: str) -> Message:
        values = {name: value(world) for name, value in fields.items()}
        names = request.DESCRIPTOR.fields_by_name
        if "request_id" in names:
            values["request_id"] = request_id()
        if "service" in names:
            values["service"] = server
        if request in _ON_A_CLOCK:
            values["name"] = (world.limitations if request is _RESTART else world.clocks)[server]
        return request(**values)

    return make


_RESTART = clock_pb2.RestartClockRequest
_ON_A_CLOCK = (
    clock_pb2.GetClockRequest, clock_pb2.ExplainClockRequest, clock_pb2.StopClockRequest, clock_pb2.PauseClockRequest,
    clock_pb2.ResumeClockRequest, clock_pb2.RestartClockRequest, clock_pb2.ExtendClockRequest,
    clock_pb2.RevokeExtensionRequest, clock_pb2.TakeStepRequest, clock_pb2.AssignStepRequest,
)  # fmt: skip


def _matter(world: World, server: str) -> str:
    return world.report.case if server == "intake" else world.case


def _start_clock(world: World, server: str) -> Message:
    return clock_pb2.StartClockRequest(
        service=server, case=_matter(world, server), rule="labour_inspection", request_id=request_id()
    )


def _county(world: World) -> str:
    return f"units/{COUNTY}"


def _report(world: World) -> str:
    return world.report.name


def _consumer(world: World) -> str:
    """Return a consumer of this world alone: whoever acknowledges first owns it."""
    return f"test-{number_of(world.case)}"


def _case(world: World) -> str:
    return world.case


def _task(world: World) -> str:
    return world.task


def _escalation(world: World) -> str:
    return world.escalation


# For each RPC a request that is good for the county; a new RPC needs a line here, and a test says so.
REQUESTS: dict[str, Callable[[World, str], Message]] = {
    "CreateReport": _filled(intake_pb2.CreateReportRequest, report=lambda w: new_report()),
    "FileReport": _file,
    "GetFilingChallenge": _filled(intake_pb2.GetFilingChallengeRequest, unit=_county),
    "FindSimilar": _filled(intake_pb2.FindSimilarRequest, text=lambda w: "路灯坏了，晚上看不见路。", unit=_county,
                           category=lambda w: "categories/municipal"),
    "ListPublicServices": _filled(public_pb2.ListPublicServicesRequest, unit=_county),
    "ListPublicReports": _filled(public_pb2.ListPublicReportsRequest, unit=_county),
    "ListPublicUpdates": _filled(public_pb2.ListPublicUpdatesRequest, unit=_county),
    "ImportReports": _import,
    "GetReport": _filled(intake_pb2.GetReportRequest, name=_report),
    "GetReportContent": _filled(intake_pb2.GetReportContentRequest, name=lambda w: f"{w.report.name}/content"),
    "ListReports": _filled(intake_pb2.ListReportsRequest, unit=_county),
    "VerifyReport": _filled(intake_pb2.VerifyReportRequest, name=_report, founded=lambda w: True),
    "ListDuplicates": _filled(intake_pb2.ListDuplicatesRequest, parent=_report),
    "FindDuplicates": _filled(intake_pb2.FindDuplicatesRequest, text=lambda w: "楼上漏水，对方不赔。", unit=_county),
    "CreateLink": _filled(intake_pb2.CreateLinkRequest, parent=_report,
                          link=lambda w: report_pb2.Link(target=w.other.name, kind=1, reason="same-place")),
    "ListLinks": _filled(links_pb2.ListLinksRequest, parent=_report),
    "CompareReports": _filled(links_pb2.CompareReportsRequest, name=_report, other=lambda w: w.other.name),
    "MergeReport": _filled(intake_pb2.MergeReportRequest, name=_report, target=lambda w: w.other.name,
                           reason=lambda w: "same-place"),
    "UnmergeReport": _filled(intake_pb2.UnmergeReportRequest, name=_report, reason=lambda w: "another-matter"),
    "TriageReport": _filled(intake_pb2.TriageReportRequest, name=_report, people_affected=lambda w: 2),
    "AcceptReport": _filled(intake_pb2.AcceptReportRequest, name=_report),
    "DeclineReport": _filled(intake_pb2.DeclineReportRequest, name=_report, reason=lambda w: "outside-scope",
                             route=lambda w: 1, explanation=lambda w: "不在调解范围内。",
                             destination=lambda w: "人民法院"),
    "GetReceipt": _filled(intake_pb2.GetReceiptRequest, name=lambda w: f"receipts/{w.report.receipt_code}"),
    "SignInByReceipt": _filled(
        reporter_pb2.SignInByReceiptRequest, code=lambda w: w.receipt.receipt_code,
        second_factor=lambda w: w.receipt.receipt_words.partition(" / ")[0],
    ),
    "ReissueReceipt": _filled(reporter_pb2.ReissueReceiptRequest, name=lambda w: w.other.name,
                              document_kind=lambda w: "居民身份证", second_factor=lambda w: 2),
    "AddToReport": _filled(reporter_pb2.AddToReportRequest, name=_report, text=lambda w: "又漏了。"),
    "AddPhoto": _filled(reporter_pb2.AddPhotoRequest, parent=lambda w: w.photographed, content=lambda w: picture()),
    "ListPhotos": _filled(reporter_pb2.ListPhotosRequest, parent=lambda w: w.photographed),
    "DownloadPhoto": _filled(reporter_pb2.DownloadPhotoRequest, name=lambda w: f"{w.photographed}/photos/1"),
    "CorrectReport": _filled(reporter_pb2.CorrectReportRequest, name=_report, address=lambda w: "三楼",
                             reporter=lambda w: report_pb2.Reporter(display_name="来访人", phone="13800000002")),
    "AmendReport": _filled(desk_pb2.AmendReportRequest, name=_report, category=lambda w: "categories/family",
                           reporter=lambda w: report_pb2.Reporter(phone="13800000003"), reason=lambda w: "说错了"),
    "SuggestUnits": _filled(desk_pb2.SuggestUnitsRequest, name=_report),
    "SearchReports": _filled(desk_pb2.SearchReportsRequest, query=lambda w: "楼上 漏水"),
    "WithdrawReport": _filled(reporter_pb2.WithdrawReportRequest, name=_report),
    "RequestReview": _filled(reporter_pb2.RequestReviewRequest, name=lambda w: w.declined),
    "RateReport": _filled(reporter_pb2.RateReportRequest, name=lambda w: w.rated, contentment=lambda w: 1,
                          text=lambda w: "很快。"),
    "GetDeclineReview": _filled(reporter_pb2.GetDeclineReviewRequest, name=lambda w: f"{w.disputed}/review"),
    "DecideReview": _filled(reporter_pb2.DecideReviewRequest, name=lambda w: w.disputed, upheld=lambda w: True,
                            reason=lambda w: "outside-scope"),
    "GetProgress": _filled(progress_pb2.GetProgressRequest, name=lambda w: f"{w.case}/progress"),
    "CreateCase": _new_case,
    "RefreshCaseContent": _filled(
        content_pb2.RefreshCaseContentRequest, name=_case, content=lambda w: report_pb2.ReportContent(text="又漏了。")
    ),
    "GetCase": _filled(mediation_pb2.GetCaseRequest, name=_case),
    "ListCases": _filled(mediation_pb2.ListCasesRequest, unit=_county),
    "GetPlan": _filled(mediation_pb2.GetPlanRequest, name=lambda w: f"{w.case}/plan"),
    "ListTasks": _filled(mediation_pb2.ListTasksRequest, parent=_case),
    "GetTask": _filled(mediation_pb2.GetTaskRequest, name=_task),
    "SignTask": _filled(mediation_pb2.SignTaskRequest, name=_task),
    "ReturnTask": _filled(mediation_pb2.ReturnTaskRequest, name=_task, reason=lambda w: "not-ours"),
    "DispatchTask": _filled(mediation_pb2.DispatchTaskRequest, name=_task),
    "ReportTask": _filled(
        mediation_pb2.ReportTaskRequest, name=_task, evidence=lambda w: "doc-1", evidence_text=lambda w: "已修好。"
    ),
    "VerifyTask": _filled(mediation_pb2.VerifyTaskRequest, name=_task, sufficient=lambda w: True),
    "RequestClosing": _filled(mediation_pb2.RequestClosingRequest, name=_case, outcome=lambda w: 1),
    "CloseCase": _filled(mediation_pb2.CloseCaseRequest, name=_case, approved=lambda w: False,
                          reason=lambda w: "缺送达回证"),
    "TransferCase": _filled(mediation_pb2.TransferCaseRequest, name=_case, unit=_county),
    "CreateEscalation": _new_escalation,
    "GetEscalation": _filled(escalation_pb2.GetEscalationRequest, name=_escalation),
    "ListEscalations": _filled(escalation_pb2.ListEscalationsRequest, parent=lambda w: "cases/-", unit=_county),
    "AcknowledgeEscalation": _filled(escalation_pb2.AcknowledgeEscalationRequest, name=_escalation),
    "ResolveEscalation": _filled(escalation_pb2.ResolveEscalationRequest, name=_escalation),
    "ListEvents": _filled(feed_pb2.ListEventsRequest, case=_case),
    "GetSignedHistory": _filled(history_pb2.GetSignedHistoryRequest, case=_case),
    "WatchEvents": _filled(feed_pb2.WatchEventsRequest, case=_case, until_caught_up=lambda w: True),
    "AcknowledgeEvents": _filled(feed_pb2.AcknowledgeEventsRequest, consumer=_consumer, position=lambda w: 1),
    "ListEventTypes": _filled(feed_pb2.ListEventTypesRequest),
    "GetConsumer": _filled(feed_pb2.GetConsumerRequest, consumer=_consumer),
    "FireClocks": _filled(clock_pb2.FireClocksRequest, case=_case),
    "ListClocks": _filled(clock_pb2.ListClocksRequest, unit=_county),
    "FireDueClocks": _filled(clock_pb2.FireDueClocksRequest, grace_seconds=lambda w: 3600),
    "GetClock": _filled(clock_pb2.GetClockRequest),
    "ExplainClock": _filled(clock_pb2.ExplainClockRequest),
    "StartClock": _start_clock,
    "TakeStep": _filled(clock_pb2.TakeStepRequest),
    "AssignStep": _filled(clock_pb2.AssignStepRequest, user=lambda w: "colleague"),
    "StopClock": _filled(clock_pb2.StopClockRequest, met=lambda w: True),
    "PauseClock": _filled(clock_pb2.PauseClockRequest, cause=lambda w: "illness"),
    "ResumeClock": _filled(clock_pb2.ResumeClockRequest),
    "RestartClock": _filled(
        clock_pb2.RestartClockRequest, cause=lambda w: "demand", evidence=lambda w: "doc-1"
    ),
    "ExtendClock": _filled(clock_pb2.ExtendClockRequest, amount=lambda w: 1, kind=lambda w: 3,
                           consents=lambda w: ["parties/1"]),
    "RevokeExtension": _filled(clock_pb2.RevokeExtensionRequest),
    "PreviewMoves": _filled(clock_pb2.PreviewMovesRequest, unit=_county),
    "ApplyMoves": _filled(clock_pb2.ApplyMovesRequest, candidate=lambda w: "0" * 16, reason=lambda w: "a-test"),
    "SettleEscalations": _filled(escalation_pb2.SettleEscalationsRequest, parent=_case),
    **world_people.requests(_filled),
    **world_sessions.REQUESTS,
    **world_agreement.requests(_filled),
    **world_facts.requests(_filled),
    **world_documents.REQUESTS,
    **world_grants.requests(_filled),
    **world_offers.requests(_filled),
    **world_forwards.requests(_filled),
    **world_plans.requests(_filled),
    **world_panel.requests(_filled),
    **world_partners.requests(_filled, picture),
    **world_notices.requests(_filled),
    **world_grids.requests(_filled),
    **world_hall.requests(_filled),
    **world_hooks.requests(_filled),
    **world_lookups.requests(_filled),
    **world_meetings.requests(_filled),
    **world_warnings.requests(_filled),
    **world_clues.requests(_filled),
    **world_backlog.requests(_filled),
    **world_special.requests(_filled),
    **world_levels.requests(_filled),
    **world_ledger.requests(_filled),
    **world_letters.requests(_filled),
}  # fmt: skip
