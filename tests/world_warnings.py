"""For each RPC of early warning, recommendations and campaigns a good request, and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.type import date_pb2
from pb.escalation.v1 import campaigns_pb2 as c
from pb.escalation.v1 import recommendations_pb2 as r
from pb.escalation.v1 import warnings_pb2 as w

from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
UNIT, PLACE, DEPARTMENT = f"units/{COUNTY}", "units/620102001001", "units/620102-labour"
LABOUR, HAZARD = "categories/labour", "categories/hazard"
PAIR = r.AdvicePair(problem="工地没有设工资专用账户。", advice="开工前核对专用账户。")


@dataclass(frozen=True)
class Scene:
    """Warnings, recommendations and campaigns, each named for the step that is next."""

    verify: str
    take_up: str
    assess: str
    warn: str
    approve: str
    measure: str
    close: str
    draft: str
    drafted: str
    approved: str
    served: str
    objectable: str
    objected: str
    replied: str
    prepared: str
    running: str
    ending: str


def day(days: int) -> date_pb2.Date:
    """Return the day so many days from today."""
    found = datetime.now(LOCAL).date() + timedelta(days=days)
    return date_pb2.Date(year=found.year, month=found.month, day=found.day)


def hazard(**fields: Any) -> w.ReportHazardRequest:
    """Return a report of a hazard of the county."""
    told = {"unit": UNIT, "place": PLACE, "kind": 1, "category": HAZARD, "description": "楼道堵塞，夜里无灯。"}
    return w.ReportHazardRequest(**{**told, "request_id": request_id(), **fields})


def recommendation(**fields: Any) -> r.DraftRecommendationRequest:
    """Return a recommendation of the county's centre to a department."""
    told = {"kind": 1, "unit": UNIT, "addressee": DEPARTMENT, "category": LABOUR, "place": UNIT, "pairs": [PAIR],
            "note": "已同人社部门沟通。"}  # fmt: skip
    return r.DraftRecommendationRequest(**{**told, "request_id": request_id(), **fields})


def campaign(**fields: Any) -> c.CreateCampaignRequest:
    """Return a campaign of the county over one place, from today on."""
    told = {"unit": UNIT, "kind": 3, "title": "出租房用电排查", "categories": [HAZARD], "places": [PLACE],
            "items": ["线路是否老化"], "start_date": day(0), "end_date": day(20)}  # fmt: skip
    return c.CreateCampaignRequest(**{**told, "request_id": request_id(), **fields})


ANSWERS = ("ReplyToRecommendation", "ObjectToRecommendation", "ReportWarningMeasures")
"""RPCs of the department that is addressed."""


class Course:
    """Carries warnings, recommendations and campaigns along, in roles of somebody who is nobody in the tests."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def do(
        self, service: str, method: str, request: Any, role: str = "duty_officer", sub: str = "", unit: str = ""
    ) -> Any:
        """Make a call for the county, or for the department where it is the one that answers."""
        stub = getattr(self._clients, service)
        by = unit or (DEPARTMENT.removeprefix("units/") if method in ANSWERS else COUNTY)
        return await getattr(stub, method)(request, **self._clients.as_(role, by, sub or f"world-{role}"))

    async def warning(self, upto: int) -> str:
        """Return a warning in this state: 1 reported … 6 measures reported."""
        found = await self.do("warnings", "ReportHazard", hazard(), "clerk")
        one: dict[str, Any] = {"name": found.name}
        steps = [
            ("VerifyHazard", w.VerifyHazardRequest(**one, founded=True, finding="属实。"), "duty_officer"),
            ("AssessHazard", w.AssessHazardRequest(**one, scope=2, urgency=1, danger=False), "duty_officer"),
            ("WarnDepartment", w.WarnDepartmentRequest(**one, addressee=DEPARTMENT, demand="清理。"), "duty_officer"),
            ("ApproveWarning", w.ApproveWarningRequest(**one, approved=True), "unit_head"),
            (
                "ReportWarningMeasures",
                w.ReportWarningMeasuresRequest(**one, measures="已清。", evidence="doc-1"),
                "handler",
            ),
        ]
        for method, request, role in steps[: upto - 1]:
            request.request_id = request_id()
            await self.do("warnings", method, request, role)
        return str(found.name)

    async def recommendation(self, upto: int, objected: bool = False) -> str:
        """Return a recommendation in this state: 1 drafted … 4 replied; with an objection if wanted."""
        found = await self.do("recommendations", "DraftRecommendation", recommendation())
        one: dict[str, Any] = {"name": found.name}
        replies = [r.PairReply(pair=1, adoption=1)]
        steps = [
            ("ApproveRecommendation", r.ApproveRecommendationRequest(**one, approved=True), "unit_head"),
            ("ServeRecommendation", r.ServeRecommendationRequest(**one, receipt="receipt-1"), "clerk"),
            ("ReplyToRecommendation", r.ReplyToRecommendationRequest(**one, replies=replies), "handler"),
        ][: upto - 1]
        if objected:
            steps.append(
                ("ObjectToRecommendation", r.ObjectToRecommendationRequest(**one, reason="已办。"), "unit_head")
            )
        for method, request, role in steps:
            request.request_id = request_id()
            await self.do("recommendations", method, request, role)
        return str(found.name)

    async def campaign(self, *, started: bool = True, found: bool = False) -> str:
        """Return a campaign, started or not, with a check and a finding if wanted."""
        name = (await self.do("campaigns", "CreateCampaign", campaign())).name
        if started:
            await self.do("campaigns", "StartCampaign", c.StartCampaignRequest(name=name, request_id=request_id()),
                          "unit_head")  # fmt: skip
        if found:
            check = c.RecordCheckRequest(name=name, place=PLACE, answers=[2], request_id=request_id())
            await self.do("campaigns", "RecordCheck", check, "grid_worker")
            finding = c.RecordFindingRequest(
                name=f"{name}/checks/1", category=HAZARD, text="电线裸露。", danger=False, request_id=request_id()
            )
            await self.do("campaigns", "RecordFinding", finding, "grid_worker")
        return str(name)


async def furnish(clients: Clients) -> Scene:
    """Return one of everything in the county, each in the state in which its next step can be asked for."""
    course = Course(clients)
    verify, take_up = await course.warning(1), await course.warning(1)
    later = [await course.warning(state) for state in range(2, 7)]
    recommended = [await course.recommendation(state) for state in (1, 1, 2, 3, 3)]
    objected, replied = await course.recommendation(3, objected=True), await course.recommendation(4)
    campaigns = [await course.campaign(started=False), await course.campaign(found=True), await course.campaign()]
    return Scene(verify, take_up, *later, *recommended, objected, replied, *campaigns)


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(step: str, below: str = "") -> Callable[[Any], str]:
        return lambda world: f"{getattr(world.warnings, step)}{below}"

    def just(value: Any) -> Callable[[Any], Any]:
        return lambda world: value

    county = just(UNIT)
    return {
        "ReportHazard": lambda world, server: hazard(),
        "GetWarning": filled(w.GetWarningRequest, name=of("measure")),
        "ListWarnings": filled(w.ListWarningsRequest, unit=county),
        "GetWarningText": filled(w.GetWarningTextRequest, name=of("measure", "/text")),
        "GetHazardReporter": filled(w.GetHazardReporterRequest, name=of("take_up", "/reporter")),
        "TakeUpHazard": filled(w.TakeUpHazardRequest, name=of("take_up")),
        "VerifyHazard": filled(w.VerifyHazardRequest, name=of("verify"), founded=just(True)),
        "AssessHazard": filled(w.AssessHazardRequest, name=of("assess"), danger=just(False),
                               scope=just(2), urgency=just(1)),
        "WarnDepartment": filled(w.WarnDepartmentRequest, name=of("warn"), addressee=just(DEPARTMENT),
                                 demand=just("清理。")),
        "ApproveWarning": filled(w.ApproveWarningRequest, name=of("approve"), approved=just(True)),
        "ReportWarningMeasures": filled(w.ReportWarningMeasuresRequest, name=of("measure"), measures=just("已清。"),
                                        evidence=just("doc-1")),
        "CloseWarning": filled(w.CloseWarningRequest, name=of("close"), sufficient=just(True)),
        "LinkWarning": filled(w.LinkWarningRequest, name=of("assess"), target=lambda world: world.case),
        "FindClusters": filled(r.FindClustersRequest, unit=county),
        "DismissCluster": filled(r.DismissClusterRequest, unit=county, category=just(LABOUR),
                                 reason=just("known-cause")),
        "DraftRecommendation": lambda world, server: recommendation(),
        "GetRecommendation": filled(r.GetRecommendationRequest, name=of("served")),
        "ListRecommendations": filled(r.ListRecommendationsRequest, unit=county),
        "GetRecommendationText": filled(r.GetRecommendationTextRequest, name=of("served", "/text")),
        "ReviseRecommendation": filled(r.ReviseRecommendationRequest, name=of("draft"), pairs=just([PAIR])),
        "ApproveRecommendation": filled(r.ApproveRecommendationRequest, name=of("drafted"), approved=just(True)),
        "ServeRecommendation": filled(r.ServeRecommendationRequest, name=of("approved"), receipt=just("receipt-1")),
        "ObjectToRecommendation": filled(r.ObjectToRecommendationRequest, name=of("objectable"), reason=just("已办。")),
        "DecideRecommendationObjection": filled(r.DecideRecommendationObjectionRequest, name=of("objected"),
                                                upheld=just(False), decision=just("维持。")),
        "ReplyToRecommendation": filled(r.ReplyToRecommendationRequest, name=of("served"),
                                        replies=just([r.PairReply(pair=1, adoption=1)])),
        "RecordRecommendationVisit": filled(r.RecordRecommendationVisitRequest, name=of("replied"),
                                            pairs=just([r.PairVisit(pair=1, carried_out=1)])),
        "CloseRecommendation": filled(r.CloseRecommendationRequest, name=of("replied")),
        "GetMeasuredEffect": filled(r.GetMeasuredEffectRequest, name=of("served", "/effect")),
        "GetRecommendationDocument": filled(r.GetRecommendationDocumentRequest, name=of("served", "/document")),
        "CreateCampaign": lambda world, server: campaign(),
        "GetCampaign": filled(c.GetCampaignRequest, name=of("running")),
        "ListCampaigns": filled(c.ListCampaignsRequest, unit=county),
        "GetCampaignText": filled(c.GetCampaignTextRequest, name=of("running", "/text")),
        "AssignPlaces": filled(c.AssignPlacesRequest, name=of("prepared"),
                               places=just([c.PlaceAssignment(place=PLACE, unit=PLACE)])),
        "StartCampaign": filled(c.StartCampaignRequest, name=of("prepared")),
        "RecordCheck": filled(c.RecordCheckRequest, name=of("running"), place=just(PLACE), answers=just([1])),
        "ListChecks": filled(c.ListChecksRequest, parent=of("running")),
        "RecordFinding": filled(c.RecordFindingRequest, name=of("running", "/checks/1"), danger=just(False),
                                category=just(HAZARD), text=just("电线裸露。")),
        "ListFindings": filled(c.ListFindingsRequest, parent=of("running")),
        "GetFindingContent": filled(c.GetFindingContentRequest, name=of("running", "/findings/1/content")),
        "ConfirmFinding": filled(c.ConfirmFindingRequest, name=of("running", "/findings/1"),
                                 report=lambda world: world.report.name),
        "GetCampaignProgress": filled(c.GetCampaignProgressRequest, name=of("running", "/progress")),
        "EndCampaign": filled(c.EndCampaignRequest, name=of("ending"), report=just("共查一处。")),
    }  # fmt: skip
