"""Assessments: drawn up, published, objected to in time, decided by a third person; what was corrected is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from pb.escalation.v1 import assessments_pb2 as pb
from pb.escalation.v1 import assessments_pb2_grpc, registers_pb2, registers_pb2_grpc

from accord.commands.rules_command import SHIPPED
from accord.embedded.stack import Stack
from bench.supervised import insert, some_units, supervised
from tests.conftest import COUNTY, request_id
from tests.rpcs import Answer, call
from tests.still import Still, shipped_rules, standing_still

CITY = "6201"
PERIOD = "2026-08"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still, with matters of the months before."""
    async with standing_still(stack) as found:
        now = found.to("2026-09-28T10:00")
        async with found.database.begin() as connection:
            await insert(connection.raw, supervised(some_units(shipped_rules(SHIPPED).units), now, 2_000, 4_000))
        yield found


async def ask(still: Still, method: str, request: Any, role: str, unit: str, sub: str) -> Answer:
    """Return the answer to a call, whatever it is."""
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = request_id()
    service = "Register" if "RuleFix" in method else "Assessment"
    path = f"/accord.escalation.v1.{service}Service/{method}"
    return await call(still.channel, path, request.SerializeToString(), **still.as_(role, unit, sub))


async def done(still: Still, method: str, request: Any, kind: type[Message], role: str, unit: str, sub: str) -> Any:
    """Return what a call answers that must succeed."""
    answer = await ask(still, method, request, role, unit, sub)
    assert answer.code is grpc.StatusCode.OK, answer
    return kind.FromString(answer.messages[0])


async def drawn_up(still: Still) -> str:
    """Return a new assessment of all counties of the city."""
    request = pb.CreateAssessmentRequest(unit=f"units/{CITY}", period=PERIOD)
    made = await done(still, "CreateAssessment", request, pb.Assessment, "supervisor", CITY, "drawer")
    assert made.state == pb.ASSESSMENT_STATE_DRAFT
    return str(made.name)


async def published(still: Still) -> str:
    """Return an assessment published on 29 September, two days before the National Day."""
    still.to("2026-09-29T09:00")
    name = await drawn_up(still)
    request = pb.PublishAssessmentRequest(name=name)
    await done(still, "PublishAssessment", request, pb.Assessment, "supervisor", CITY, "publisher")
    return name


def objection(name: str, unit: str = COUNTY, indicator: str = "acceptance_in_time") -> pb.ObjectToAssessmentRequest:
    return pb.ObjectToAssessmentRequest(name=name, unit=f"units/{unit}", indicator=indicator, text="有三件重复计算。")


async def seen(still: Still, name: str, unit: str, role: str = "unit_head") -> pb.Assessment:
    return await done(still, "GetAssessment", pb.GetAssessmentRequest(name=name), pb.Assessment, role, unit, "reader")


async def test_a_draft_is_seen_by_nobody_it_is_about(still: Still) -> None:
    name = await drawn_up(still)
    answer = await ask(still, "GetAssessment", pb.GetAssessmentRequest(name=name), "unit_head", COUNTY, "reader")
    assert answer.reason == "PERMISSION_DENIED"
    stub = assessments_pb2_grpc.AssessmentServiceStub(still.channel)
    listed = await stub.ListAssessments(pb.ListAssessmentsRequest(page_size=1000), **still.as_("unit_head", COUNTY))
    assert name not in {each.name for each in listed.assessments}


async def test_a_published_assessment_shows_a_unit_its_own_part_and_no_other(still: Still) -> None:
    name = await published(still)
    whole, own = await seen(still, name, CITY), await seen(still, name, COUNTY)
    assert {each.unit for each in own.results} == {f"units/{COUNTY}"}
    units = [each.unit for each in whole.results]
    assert len(set(units)) > 5
    assert units == sorted(units), "in order of code, never of figures"
    stranger = await ask(still, "GetAssessment", pb.GetAssessmentRequest(name=name), "unit_head", "620201", "reader")
    assert stranger.reason == "PERMISSION_DENIED"


async def test_who_drew_it_up_does_not_publish_it_nor_decide_on_it(still: Still) -> None:
    name = await drawn_up(still)
    mine = await ask(still, "PublishAssessment", pb.PublishAssessmentRequest(name=name), "supervisor", CITY, "drawer")
    assert mine.reason == "SAME_PERSON"
    name = await published(still)
    made = await done(still, "ObjectToAssessment", objection(name), pb.AssessmentObjection, "unit_head", COUNTY, "head")
    decide = pb.DecideAssessmentObjectionRequest(name=made.name, upheld=False, reason="figures-hold")
    for sub in ("drawer", "publisher", "head"):
        answer = await ask(still, "DecideAssessmentObjection", decide, "supervisor", CITY, sub)
        assert answer.reason == "SAME_PERSON", sub
    decided = await done(
        still, "DecideAssessmentObjection", decide, pb.AssessmentObjection, "supervisor", CITY, "third"
    )
    assert decided.state == pb.ASSESSMENT_OBJECTION_STATE_DISMISSED
    again = await ask(still, "DecideAssessmentObjection", decide, "supervisor", CITY, "third")
    assert (again.reason, again.code) == ("WRONG_STATE", grpc.StatusCode.FAILED_PRECONDITION)


async def test_five_working_days_to_object_go_over_the_national_day_and_a_worked_saturday(still: Still) -> None:
    # Published on Tuesday 29 September: 30 September, 8, 9 and 10 October (a worked Saturday), 12 October.
    name = await published(still)
    still.to("2026-10-12T23:59:59")
    await done(still, "ObjectToAssessment", objection(name), pb.AssessmentObjection, "unit_head", COUNTY, "head")
    early = await ask(still, "FinaliseAssessment", pb.FinaliseAssessmentRequest(name=name), "supervisor", CITY, "third")
    assert early.reason == "OBJECTIONS_POSSIBLE"
    still.to("2026-10-13T00:00")
    late = await ask(still, "ObjectToAssessment", objection(name, indicator="recurrence"), "unit_head", COUNTY, "head")
    assert late.reason == "OBJECTION_LATE"
    open_ = await ask(still, "FinaliseAssessment", pb.FinaliseAssessmentRequest(name=name), "supervisor", CITY, "third")
    assert open_.reason == "OBJECTION_OPEN"


async def test_an_objection_is_to_be_decided_within_five_working_days(still: Still) -> None:
    name = await published(still)
    still.to("2026-10-08T12:00")
    made = await done(still, "ObjectToAssessment", objection(name), pb.AssessmentObjection, "unit_head", COUNTY, "head")
    assert made.due_time.ToJsonString() == "2026-10-14T15:59:59Z"
    number = name.replace("/", "-")
    still.to("2026-10-14T23:59:59")
    before = await still.fire(number)
    still.to("2026-10-15T00:00")
    after = await still.fire(number)
    assert after.overdue == before.overdue + 1


async def test_an_objection_that_is_upheld_corrects_the_figure_and_keeps_what_it_was(still: Still) -> None:
    name = await published(still)
    first = next(each.standing for each in (await seen(still, name, COUNTY)).results)
    made = await done(still, "ObjectToAssessment", objection(name), pb.AssessmentObjection, "unit_head", COUNTY, "head")
    wrong = pb.DecideAssessmentObjectionRequest(
        name=made.name, upheld=True, reason="counted-twice", numerator=9, denominator=8
    )
    refused = await ask(still, "DecideAssessmentObjection", wrong, "supervisor", CITY, "third")
    assert refused.fields == ["numerator"]
    right = pb.DecideAssessmentObjectionRequest(
        name=made.name, upheld=True, reason="counted-twice", numerator=30, denominator=30
    )
    await done(still, "DecideAssessmentObjection", right, pb.AssessmentObjection, "supervisor", CITY, "third")
    still.to("2026-10-13T09:00")
    await done(
        still, "FinaliseAssessment", pb.FinaliseAssessmentRequest(name=name), pb.Assessment, "supervisor", CITY, "third"
    )
    final = await seen(still, name, COUNTY)
    assert final.state == pb.ASSESSMENT_STATE_FINAL
    corrected = final.results[0]
    assert (corrected.corrected, corrected.standing.share, corrected.standing.denominator) == (True, 10_000, 30)
    (kept,) = final.corrections
    assert (kept.old_numerator, kept.old_denominator) == (first.numerator, first.denominator)
    assert (kept.numerator, kept.denominator) == (30, 30)
    over = await ask(still, "ObjectToAssessment", objection(name), "unit_head", COUNTY, "head")
    assert over.reason == "WRONG_STATE"


async def test_nobody_objects_in_another_units_place(still: Still) -> None:
    name = await published(still)
    for unit in (CITY, "62", "620103"):
        answer = await ask(still, "ObjectToAssessment", objection(name), "unit_head", unit, "head")
        assert answer.reason == "PERMISSION_DENIED", unit
    unknown = await ask(still, "ObjectToAssessment", objection(name, indicator="nothing"), "unit_head", COUNTY, "head")
    assert unknown.fields == ["indicator"]


async def test_what_an_objection_says_is_sealed_and_every_reading_is_recorded(still: Still) -> None:
    name = await published(still)
    made = await done(still, "ObjectToAssessment", objection(name), pb.AssessmentObjection, "unit_head", COUNTY, "head")
    request = pb.GetAssessmentObjectionTextRequest(name=f"{made.name}/text")
    text = await done(
        still, "GetAssessmentObjectionText", request, pb.AssessmentObjectionText, "supervisor", CITY, "third"
    )
    assert text.text == "有三件重复计算。"
    async with still.database.begin() as connection:
        number = name.replace("/", "-")
        events = await connection.raw.fetch(
            "SELECT kind, actor, payload::text AS told FROM events WHERE number = $1 ORDER BY seq", number
        )
        (sealed,) = await connection.raw.fetch("SELECT sealed FROM assessment_objections WHERE number = $1", number)
    assert [row["kind"] for row in events] == [
        "AssessmentDrawnUp", "AssessmentPublished", "AssessmentObjected", "AssessmentObjectionRead",
    ]  # fmt: skip
    assert events[-1]["actor"].endswith("third")
    assert "重复" not in "".join(row["told"] for row in events)
    assert "重复".encode() not in sealed["sealed"]


async def test_a_period_that_is_not_over_is_not_assessed_nor_a_unit_that_lies_elsewhere(still: Still) -> None:
    still.to("2026-09-29T09:00")
    request = pb.CreateAssessmentRequest(unit=f"units/{CITY}", period="2026-Q3")
    early = await ask(still, "CreateAssessment", request, "supervisor", CITY, "drawer")
    assert (early.reason, early.fields) == ("IN_THE_FUTURE", ["period"])
    request = pb.CreateAssessmentRequest(unit=f"units/{CITY}", period=PERIOD, units=[f"units/{COUNTY}", "units/620201"])
    elsewhere = await ask(still, "CreateAssessment", request, "supervisor", CITY, "drawer")
    assert elsewhere.reason == "PERMISSION_DENIED"
    request.units[1] = f"units/{COUNTY}001"
    deeper = await ask(still, "CreateAssessment", request, "supervisor", CITY, "drawer")
    assert (deeper.reason, deeper.fields) == ("UNKNOWN_UNIT", ["units[1]"])


async def test_a_problem_leads_to_a_fix_of_the_rule_that_somebody_else_adopts(still: Still) -> None:
    proposed = await done(
        still, "ProposeRuleFix",
        registers_pb2.ProposeRuleFixRequest(
            unit=f"units/{COUNTY}", problem="cases/620102-2026-000001", rule="accept", text="值班表改为两人。"
        ),
        registers_pb2.RuleFix, "unit_head", COUNTY, "head",
    )  # fmt: skip
    decide = registers_pb2.DecideRuleFixRequest(name=proposed.name, adopted=True, reason="tried-a-month")
    own = await ask(still, "DecideRuleFix", decide, "supervisor", CITY, "head")
    assert own.reason == "SAME_PERSON"
    decided = await done(still, "DecideRuleFix", decide, registers_pb2.RuleFix, "supervisor", CITY, "third")
    assert decided.state == registers_pb2.RULE_FIX_STATE_ADOPTED
    stub = registers_pb2_grpc.RegisterServiceStub(still.channel)
    request = registers_pb2.ListRegisterEntriesRequest(kind=registers_pb2.REGISTER_KIND_INSTITUTION)
    entries = (await stub.ListRegisterEntries(request, **still.as_("unit_head", COUNTY))).entries
    (entry,) = [each for each in entries if each.file == proposed.name]
    assert (entry.what, entry.subject) == ("adopted", "cases/620102-2026-000001")
