"""For each RPC of what is counted a good request, and the assessment and fix they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.access.v1 import standing_pb2
from pb.escalation.v1 import (
    assessments_pb2,
    digests_pb2,
    facts_pb2,
    indicators_pb2,
    registers_pb2,
    statistics_pb2,
    worklists_pb2,
)
from pb.intake.v1 import facts_pb2 as intake_facts
from pb.mediation.v1 import facts_pb2 as mediation_facts

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
CITY = "6201"


async def counted(clients: Clients) -> tuple[str, str]:
    """Return a published assessment of the county by its city, with an objection, and a fix the county proposed."""
    supervisor = clients.as_("supervisor", CITY, "draws-up")
    drawn = await clients.assessments.CreateAssessment(
        assessments_pb2.CreateAssessmentRequest(
            unit=f"units/{CITY}", period="2025", units=[f"units/{COUNTY}"], request_id=request_id()
        ),
        **supervisor,
    )
    await clients.assessments.PublishAssessment(
        assessments_pb2.PublishAssessmentRequest(name=drawn.name, request_id=request_id()),
        **clients.as_("supervisor", CITY, "publishes"),
    )
    await clients.assessments.ObjectToAssessment(
        assessments_pb2.ObjectToAssessmentRequest(
            name=drawn.name, unit=f"units/{COUNTY}", indicator="recurrence", text="算了两次。", request_id=request_id()
        ),
        **clients.as_("unit_head", COUNTY, "objects"),
    )
    fix = await clients.registers.ProposeRuleFix(
        registers_pb2.ProposeRuleFixRequest(
            unit=f"units/{COUNTY}", rule="accept", text="值班表改为两人。", request_id=request_id()
        ),
        **clients.as_("unit_head", COUNTY, "proposes"),
    )
    return drawn.name, fix.name


def _reports(world: Any) -> list[intake_facts.ReportFacts]:
    received = Timestamp(seconds=int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()))
    return [
        intake_facts.ReportFacts(
            report="reports/620102-2026-900001", sequence=1, state=1, unit=f"units/{COUNTY}", channel=1,
            category="categories/neighbour", grade=1, receive_time=received,
        )
    ]  # fmt: skip


def _standings(world: Any) -> list[standing_pb2.Standing]:
    name = "cases/620102-2026-900002"
    return [standing_pb2.Standing(case=name, sequence=1, unit=f"units/{COUNTY}", co_units=[f"units/{COUNTY}-labour"])]


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""
    a, r, s = assessments_pb2, registers_pb2, statistics_pb2

    def one(_: Any) -> int:
        return 1

    def year(_: Any) -> str:
        return "2025"

    def county(_: Any) -> str:
        return f"units/{COUNTY}"

    def assessment(world: Any) -> str:
        return str(world.assessment)

    def fix(world: Any) -> str:
        return str(world.fix)

    def code(_: Any) -> str:
        return "figures-hold"

    def below(of: Callable[[Any], str], path: str) -> Callable[[Any], str]:
        return lambda world: f"{of(world)}{path}"

    return {
        "BatchGetReportFacts": filled(intake_facts.BatchGetReportFactsRequest, names=lambda w: [w.report.name]),
        "BatchGetCaseFacts": filled(mediation_facts.BatchGetCaseFactsRequest, names=lambda w: [w.case]),
        "BatchGetCaseStandings": filled(mediation_facts.BatchGetCaseStandingsRequest, names=lambda w: [w.case]),
        "RecordStandings": filled(standing_pb2.RecordStandingsRequest, standings=_standings),
        "RecordFacts": filled(facts_pb2.RecordFactsRequest, reports=_reports),
        "GetWorklist": filled(worklists_pb2.GetWorklistRequest, unit=county),
        "GetWorkloads": filled(worklists_pb2.GetWorkloadsRequest, units=lambda w: [county(w)], case=lambda w: w.case),
        "GetDigest": filled(digests_pb2.GetDigestRequest, unit=county),
        "CompileDigests": filled(digests_pb2.CompileDigestsRequest),
        "ListDigests": filled(digests_pb2.ListDigestsRequest, unit=county),
        "ListIndicators": filled(indicators_pb2.ListIndicatorsRequest, unit=county),
        "GetIndicators": filled(indicators_pb2.GetIndicatorsRequest, unit=county, period=year),
        "GetStatistics": filled(s.GetStatisticsRequest, unit=county, period=year, by=one),
        "GetHandlingStatistics": filled(s.GetHandlingStatisticsRequest, unit=county, period=year, by=one),
        "ExportHandlingStatistics": filled(s.ExportHandlingStatisticsRequest, unit=county, period=year, by=one,
                                           form=one),
        "ExportRegister": filled(r.ExportRegisterRequest, unit=county, kind=one, form=one),
        "GetStatisticsMap": filled(s.GetStatisticsMapRequest, unit=county, period=year),
        "ExportStatistics": filled(s.ExportStatisticsRequest, unit=county, period=year, by=one, form=one),
        "ListRegisterEntries": filled(r.ListRegisterEntriesRequest, kind=one, unit=county),
        "ProposeRuleFix": filled(r.ProposeRuleFixRequest, unit=county, rule=lambda w: "accept",
                                 text=lambda w: "值班表改为两人。"),
        "GetRuleFix": filled(r.GetRuleFixRequest, name=fix),
        "GetRuleFixText": filled(r.GetRuleFixTextRequest, name=below(fix, "/text")),
        "DecideRuleFix": filled(r.DecideRuleFixRequest, name=fix, adopted=lambda w: True, reason=code),
        "CreateAssessment": filled(a.CreateAssessmentRequest, unit=lambda w: f"units/{CITY}", period=year,
                                   units=lambda w: [county(w)]),
        "GetAssessment": filled(a.GetAssessmentRequest, name=assessment),
        "ListAssessments": filled(a.ListAssessmentsRequest, unit=county),
        "PublishAssessment": filled(a.PublishAssessmentRequest, name=assessment),
        "ObjectToAssessment": filled(a.ObjectToAssessmentRequest, name=assessment, unit=county,
                                     indicator=lambda w: "notices_served", text=lambda w: "有一份已送达。"),
        "GetAssessmentObjectionText": filled(a.GetAssessmentObjectionTextRequest,
                                             name=below(assessment, "/objections/1/text")),
        "DecideAssessmentObjection": filled(a.DecideAssessmentObjectionRequest, upheld=lambda w: False,
                                            name=below(assessment, "/objections/1"),
                                            reason=code),
        "FinaliseAssessment": filled(a.FinaliseAssessmentRequest, name=assessment),
    }  # fmt: skip


RIGHT_UNIT = {
    **dict.fromkeys(
        (
            "BatchGetReportFacts",
            "BatchGetCaseFacts",
            "RecordFacts",
            "CompileDigests",
            "BatchGetCaseStandings",
            "RecordStandings",
            "ListGridTerms",
            "RecordGridTerms",
        ),
        "cn",
    ),
    **dict.fromkeys(("CreateAssessment", "PublishAssessment", "DecideAssessmentObjection", "FinaliseAssessment"), CITY),
}
"""The unit whose right it is, where it is not the county."""
