"""Warnings, recommendations and campaigns: who sees what, who may not do what alone, what is refused and why."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from google.protobuf.descriptor import Descriptor
from pb.escalation.v1 import campaigns_pb2 as c
from pb.escalation.v1 import recommendations_pb2 as r
from pb.escalation.v1 import warnings_pb2 as w
from pb.feed.v1 import feed_pb2

from casework.errors import CaseError
from casework.supervision.prevention import campaign as campaigns
from casework.supervision.prevention import recommendation as recommendations
from casework.supervision.prevention import warning as warnings
from casework.supervision.prevention.cluster import Verdict
from casework.supervision.prevention.recommendation import RecommendationKind, letter_number
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import refused
from tests.scratch import Scratch
from tests.world_warnings import DEPARTMENT, PLACE, UNIT, Course, campaign, day, hazard, recommendation

VILLAGE = PLACE.removeprefix("units/")
LABOUR = DEPARTMENT.removeprefix("units/")


@pytest.fixture
def course(clients: Clients) -> Course:
    """Return somebody who carries things along in the county."""
    return Course(clients)


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (warnings.HazardKind, w.HazardKind, "HAZARD_KIND"), (warnings.WarningState, w.WarningState, "WARNING_STATE"),
        (recommendations.RecommendationKind, r.RecommendationKind, "RECOMMENDATION_KIND"),
        (recommendations.RecommendationState, r.RecommendationState, "RECOMMENDATION_STATE"),
        (recommendations.Adoption, r.Adoption, "ADOPTION"),
        (recommendations.CarryingOut, r.CarryingOut, "CARRYING_OUT"),
        (recommendations.ObjectionState, r.ObjectionState, "OBJECTION_STATE"),
        (Verdict, r.EffectVerdict, "EFFECT_VERDICT"), (campaigns.CampaignKind, c.CampaignKind, "CAMPAIGN_KIND"),
        (campaigns.CampaignState, c.CampaignState, "CAMPAIGN_STATE"),
        (campaigns.CheckAnswer, c.CheckAnswer, "CHECK_ANSWER"),
        (campaigns.FindingState, c.FindingState, "FINDING_STATE"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])


def test_no_message_has_a_place_for_a_person_a_score_a_track_or_a_photograph() -> None:
    forbidden = ("person", "party", "citizen", "id_number", "phone", "score", "points", "rank", "track", "location",
                 "photo", "latitude", "online")  # fmt: skip
    messages: list[Descriptor] = [
        message for file in (w, r, c) for message in file.DESCRIPTOR.message_types_by_name.values()
    ]
    names = {f"{message.name}.{field.name}" for message in messages for field in message.fields}
    assert not [name for name in names if any(word in name.partition(".")[2] for word in forbidden)]
    # Progress is counted by place and unit; an account stands on its own check and in no list's filter.
    assert {field.name for field in c.PlaceProgress.DESCRIPTOR.fields} == {
        "place", "unit", "checks", "findings", "handed_over"}  # fmt: skip
    assert {field.name for field in c.ListChecksRequest.DESCRIPTOR.fields} == {
        "parent", "place", "page_size", "page_token"}  # fmt: skip


@pytest.mark.parametrize("to", [warnings.WarningState.WARNED, warnings.WarningState.CLOSED])
def test_no_step_of_a_warning_is_left_out(to: warnings.WarningState) -> None:
    for state in (warnings.WarningState.REPORTED, warnings.WarningState.VERIFIED, warnings.WarningState.ASSESSED):
        with pytest.raises(CaseError, match="WRONG_STATE"):
            warnings.move(state, to)
    assert warnings.move(warnings.WarningState.ASSESSED, warnings.WarningState.CLOSED, linked=True)


def test_letters_are_numbered_by_the_short_name_of_the_place() -> None:
    numbers = [
        letter_number(RecommendationKind.JUDICIAL, "城关区", 2026, 3),
        letter_number(RecommendationKind.PROCURATORIAL, "甘南藏族自治州", 2026, 12),
        letter_number(RecommendationKind.PROMPT, "成县", 2026, 1),
    ]
    assert numbers == ["城关法建〔2026〕3号", "甘南藏族检建〔2026〕12号", "成县综治提示〔2026〕1号"]


# --- warnings -----------------------------------------------------------------------------------------------------


async def test_who_reported_a_hazard_is_in_no_history_and_never_told_to_the_unit_concerned(
    clients: Clients, course: Course
) -> None:
    who = f"neighbour-{request_id()[5:13]}"
    found = await course.do("warnings", "ReportHazard", hazard(), "clerk", who)
    name, read = found.name, w.GetHazardReporterRequest(name=f"{found.name}/reporter")
    assert (await course.do("warnings", "GetHazardReporter", read)).account == who
    for unit in (VILLAGE, "620102001", LABOUR):
        await refused(clients.warnings.GetHazardReporter(read, **clients.as_("duty_officer", unit)),
                      "PERMISSION_DENIED")  # fmt: skip
    events = await clients.feeds["escalation"].ListEvents(
        feed_pb2.ListEventsRequest(service="escalation", case=name), **clients.as_("auditor")
    )
    assert [event.type for event in events.events] == ["HazardReported", "HazardReporterRead"]
    assert events.events[0].actor == "reporter"
    connection = await Scratch.main(clients.stack).connect()
    try:
        number = name.replace("/", "-")
        for table in ("warnings", "events", "clock_entries"):
            column = "clock LIKE $1 || '.%'" if table == "clock_entries" else "number = $1"
            rows = await connection.fetch(f"SELECT t::text AS told FROM escalation.{table} t WHERE {column}", number)
            assert rows
            assert not [row for row in rows if who in row["told"]], table
    finally:
        await connection.close()


async def test_where_the_hazard_is_its_own_level_only_the_level_above_can_ask_back(
    clients: Clients, course: Course
) -> None:
    found = await course.do("warnings", "ReportHazard", hazard(place=UNIT), "clerk")
    read = w.GetHazardReporterRequest(name=f"{found.name}/reporter")
    await refused(course.do("warnings", "GetHazardReporter", read), "PERMISSION_DENIED")
    above = await clients.warnings.GetHazardReporter(read, **clients.as_("supervisor", "6201"))
    assert above.account == "world-clerk"


async def test_what_is_unfounded_is_closed_and_all_that_was_told_is_gone(clients: Clients, course: Course) -> None:
    name = await course.warning(1)
    request = w.VerifyHazardRequest(name=name, founded=False, finding="没有这回事。", request_id=request_id())
    assert (await course.do("warnings", "VerifyHazard", request)).state == w.WARNING_STATE_DISMISSED
    text = await course.do("warnings", "GetWarningText", w.GetWarningTextRequest(name=f"{name}/text"))
    assert (text.description, text.finding) == ("", "")
    reporter = w.GetHazardReporterRequest(name=f"{name}/reporter")
    await refused(course.do("warnings", "GetHazardReporter", reporter), "DATA_ERASED")


async def test_nobody_verifies_an_own_report_approves_an_own_draft_or_closes_on_own_measures(course: Course) -> None:
    one = await course.warning(1)
    verify = w.VerifyHazardRequest(name=one, founded=True, request_id=request_id())
    await refused(course.do("warnings", "VerifyHazard", verify, sub="world-clerk"), "SAME_PERSON")
    two = await course.warning(4)
    approve = w.ApproveWarningRequest(name=two, approved=True, request_id=request_id())
    await refused(course.do("warnings", "ApproveWarning", approve, "unit_head", "world-duty_officer"), "SAME_PERSON")
    three = await course.warning(6)
    close = w.CloseWarningRequest(name=three, sufficient=True, request_id=request_id())
    await refused(course.do("warnings", "CloseWarning", close, "reviewer", "world-handler"), "SAME_PERSON")


async def test_the_department_knows_of_a_warning_once_it_is_approved_and_reads_only_what_it_is_asked(
    clients: Clients, course: Course
) -> None:
    drafted, warned = await course.warning(4), await course.warning(5)
    access = clients.as_("handler", LABOUR)
    await refused(clients.warnings.GetWarning(w.GetWarningRequest(name=drafted), **access), "PERMISSION_DENIED")
    text = await clients.warnings.GetWarningText(w.GetWarningTextRequest(name=f"{warned}/text"), **access)
    assert (text.demand, text.description, text.finding) == ("清理。", "", "")
    shown = await clients.warnings.ListWarnings(w.ListWarningsRequest(page_size=1000), **access)
    listed = {each.name for each in shown.warnings}
    assert warned in listed
    assert drafted not in listed


async def test_a_warning_sent_back_is_drafted_anew_and_measures_that_are_not_enough_go_round_again(
    course: Course,
) -> None:
    name = await course.warning(4)
    back = w.ApproveWarningRequest(name=name, approved=False, request_id=request_id())
    assert (await course.do("warnings", "ApproveWarning", back, "unit_head")).state == w.WARNING_STATE_ASSESSED
    steps: list[tuple[str, Any, str, int]] = [
        ("WarnDepartment", w.WarnDepartmentRequest(name=name, addressee=DEPARTMENT, demand="清。"), "duty_officer", 4),
        ("ApproveWarning", w.ApproveWarningRequest(name=name, approved=True), "unit_head", 5),
    ]
    report = w.ReportWarningMeasuresRequest(name=name, measures="已清。", evidence="doc-1")
    for sufficient, state in ((False, 5), (True, 7)):
        steps += [
            ("ReportWarningMeasures", report, "handler", 6),
            ("CloseWarning", w.CloseWarningRequest(name=name, sufficient=sufficient), "reviewer", state),
        ]
    for method, request, role, state in steps:
        request.request_id = request_id()
        found = await course.do("warnings", method, request, role)
        assert found.state == state, method
    assert found.returned == 1


async def test_urgent_warnings_come_first_and_pages_go_on_where_they_ended(clients: Clients, course: Course) -> None:
    for urgent in (False, True, False):
        await course.do("warnings", "ReportHazard", hazard(urgent=urgent), "clerk")
    access, found = clients.as_("auditor"), list[w.Warning]()
    request = w.ListWarningsRequest(page_size=2, open=True)
    while True:
        page = await clients.warnings.ListWarnings(request, **access)
        found += page.warnings
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len({each.name for each in found}) == len(found)
    keys = [(not each.urgent, each.report_time.ToNanoseconds(), each.name) for each in found]
    assert keys == sorted(keys)
    assert all(not each.HasField("close_time") for each in found)


async def test_a_report_that_is_sent_again_is_the_same_report(course: Course) -> None:
    request = hazard()
    first = await course.do("warnings", "ReportHazard", request, "clerk")
    assert await course.do("warnings", "ReportHazard", request, "clerk") == first
    request.description = "另一处。"
    await refused(course.do("warnings", "ReportHazard", request, "clerk"), "IDEMPOTENCY_KEY_REUSED")


# --- recommendations ----------------------------------------------------------------------------------------------


async def test_whoever_had_a_hand_in_a_draft_neither_approves_it_nor_decides_on_an_objection(course: Course) -> None:
    name = await course.recommendation(1)
    revise = r.ReviseRecommendationRequest(name=name, request_id=request_id())
    revise.pairs.add(problem="未公示。", advice="公示。")
    await course.do("recommendations", "ReviseRecommendation", revise, sub="second-hand")
    for sub in ("world-duty_officer", "second-hand"):
        approve = r.ApproveRecommendationRequest(name=name, approved=True, request_id=request_id())
        await refused(course.do("recommendations", "ApproveRecommendation", approve, "unit_head", sub), "SAME_PERSON")
    objected = await course.recommendation(3, objected=True)
    for sub in ("world-duty_officer", "world-unit_head"):
        decide = r.DecideRecommendationObjectionRequest(
            name=objected, upheld=False, decision="维持。", request_id=request_id()
        )
        await refused(
            course.do("recommendations", "DecideRecommendationObjection", decide, "reviewer", sub), "SAME_PERSON"
        )
    decide.upheld = True
    withdrawn = await course.do("recommendations", "DecideRecommendationObjection", decide, "reviewer", "third")
    assert withdrawn.state == r.RECOMMENDATION_STATE_WITHDRAWN


async def test_every_pair_is_answered_once_and_what_is_not_adopted_in_full_says_why(course: Course) -> None:
    name = await course.recommendation(3)
    for replies, reason in (
        ([(2, 1, "")], "INVALID_FIELD"), ([(1, 1, ""), (1, 1, "")], "INVALID_FIELD"),
        ([(1, 2, "")], "REASON_REQUIRED"), ([(1, 2, " ")], "INVALID_FIELD"),
    ):  # fmt: skip
        told = [r.PairReply(pair=pair, adoption=adoption, reason=why) for pair, adoption, why in replies]  # type: ignore[arg-type]
        request = r.ReplyToRecommendationRequest(name=name, replies=told, request_id=request_id())
        await refused(course.do("recommendations", "ReplyToRecommendation", request, "handler"), reason)
    told = [r.PairReply(pair=1, adoption=3, reason="权限在市里。")]
    request = r.ReplyToRecommendationRequest(name=name, replies=told, request_id=request_id())
    found = await course.do("recommendations", "ReplyToRecommendation", request, "handler")
    assert found.pairs[0].adoption == r.ADOPTION_NOT_ADOPTED


@pytest.mark.fault("C5")
async def test_a_court_s_suggestion_comes_from_a_court_and_from_nobody_else(course: Course) -> None:
    for kind, unit in ((2, UNIT), (3, f"{UNIT}-court"), (2, f"{UNIT}-procuratorate")):
        draft = recommendation(kind=kind, unit=unit)
        by = unit.removeprefix("units/")
        await refused(course.do("recommendations", "DraftRecommendation", draft, unit=by), "INVALID_FIELD")
    court, own = f"{UNIT}-court", f"{COUNTY}-court"
    for above in (COUNTY, "6201", "62", f"{COUNTY}-procuratorate"):
        draft = recommendation(kind=2, unit=court)
        await refused(course.do("recommendations", "DraftRecommendation", draft, unit=above), "PERMISSION_DENIED")
    found = await course.do("recommendations", "DraftRecommendation", recommendation(kind=2, unit=court), unit=own)
    assert found.letter_number == ""
    approve = r.ApproveRecommendationRequest(name=found.name, approved=True, request_id=request_id())
    for above in (COUNTY, "6201"):
        signed = course.do("recommendations", "ApproveRecommendation", approve, "unit_head", unit=above)
        await refused(signed, "PERMISSION_DENIED")
    approved = await course.do("recommendations", "ApproveRecommendation", approve, "unit_head", unit=own)
    assert approved.letter_number
    serve = r.ServeRecommendationRequest(name=found.name, receipt="receipt-1", request_id=request_id())
    await refused(course.do("recommendations", "ServeRecommendation", serve, "clerk", unit=COUNTY), "PERMISSION_DENIED")
    await course.do("recommendations", "ServeRecommendation", serve, "clerk", unit=own)
    # What a court notes for itself is read at the court.
    text = r.GetRecommendationTextRequest(name=f"{found.name}/text")
    assert (await course.do("recommendations", "GetRecommendationText", text, unit=own)).note
    assert not (await course.do("recommendations", "GetRecommendationText", text, unit=COUNTY)).note
    # And nobody answers for the department that is addressed.
    replies = [r.PairReply(pair=1, adoption=1)]
    reply = r.ReplyToRecommendationRequest(name=found.name, replies=replies, request_id=request_id())
    objection = r.ObjectToRecommendationRequest(name=found.name, reason="已办。", request_id=request_id())
    for above in (COUNTY, "6201", "cn"):
        for method, request in (("ReplyToRecommendation", reply), ("ObjectToRecommendation", objection)):
            answered = course.do("recommendations", method, request, "unit_head", unit=above)
            await refused(answered, "PERMISSION_DENIED")
    replied = await course.do("recommendations", "ReplyToRecommendation", reply, "unit_head")
    assert replied.state == r.RECOMMENDATION_STATE_REPLIED


@pytest.mark.fault("C5")
async def test_measures_are_reported_by_the_department_that_was_warned(course: Course) -> None:
    name = await course.warning(5)
    report = w.ReportWarningMeasuresRequest(name=name, measures="已清。", evidence="doc-1", request_id=request_id())
    for above in (COUNTY, "6201"):
        await refused(
            course.do("warnings", "ReportWarningMeasures", report, "handler", unit=above), "PERMISSION_DENIED"
        )
    await course.do("warnings", "ReportWarningMeasures", report, "handler")


async def test_the_letter_is_a_word_document_with_problem_and_advice_one_to_one(
    clients: Clients, course: Course
) -> None:
    name = await course.recommendation(3)
    request = r.GetRecommendationDocumentRequest(name=f"{name}/document")
    found = await clients.recommendations.GetRecommendationDocument(request, **clients.as_("handler", LABOUR))
    lines = [line.text for line in Document(io.BytesIO(found.content)).paragraphs]
    shown = await course.do("recommendations", "GetRecommendation", r.GetRecommendationRequest(name=name))
    assert "工作提示函" in lines
    assert shown.letter_number in lines
    assert "兰州市城关区人力资源和社会保障局：" in lines
    at = lines.index("问题1")
    assert lines[at : at + 4] == ["问题1", "工地没有设工资专用账户。", "建议1", "开工前核对专用账户。"]


async def test_the_author_s_notes_stay_with_the_author(clients: Clients, course: Course) -> None:
    name = await course.recommendation(3)
    request = r.GetRecommendationTextRequest(name=f"{name}/text")
    own = await course.do("recommendations", "GetRecommendationText", request)
    theirs = await clients.recommendations.GetRecommendationText(request, **clients.as_("handler", LABOUR))
    assert own.note == "已同人社部门沟通。"
    assert (theirs.note, len(theirs.pairs)) == ("", 1)


# --- campaigns ----------------------------------------------------------------------------------------------------


async def test_a_campaign_that_cannot_be_is_refused_with_the_field(course: Course) -> None:
    for fields in (
        {"end_date": day(-1)}, {"start_date": day(5), "end_date": day(4)}, {"kind": 2}, {"kind": 3, "round_days": 7},
        {"places": ["units/620103001001"]}, {"categories": ["categories/none-of-ours"]},
    ):  # fmt: skip
        code = {"places": "PERMISSION_DENIED", "categories": "UNKNOWN_CATEGORY"}.get(
            next(iter(fields)), "INVALID_FIELD"
        )
        await refused(course.do("campaigns", "CreateCampaign", campaign(**fields)), code)


async def test_a_unit_goes_only_to_its_own_places_and_answers_the_whole_checklist(
    clients: Clients, course: Course
) -> None:
    name = await course.campaign()
    check = c.RecordCheckRequest(name=name, place=PLACE, answers=[1, 1], request_id=request_id())
    await refused(course.do("campaigns", "RecordCheck", check, "grid_worker"), "INVALID_FIELD")
    check = c.RecordCheckRequest(name=name, place="units/620102001002", answers=[1], request_id=request_id())
    await refused(course.do("campaigns", "RecordCheck", check, "grid_worker"), "PLACE_NOT_IN_CAMPAIGN")
    grid = clients.as_("grid_worker", VILLAGE)
    check = c.RecordCheckRequest(name=name, place=PLACE, answers=[1], request_id=request_id())
    await refused(clients.campaigns.RecordCheck(check, **grid), "PERMISSION_DENIED")
    assigned = [c.PlaceAssignment(place=PLACE, unit=PLACE)]
    assign = c.AssignPlacesRequest(name=name, places=assigned, request_id=request_id())
    await course.do("campaigns", "AssignPlaces", assign)
    assert (await clients.campaigns.RecordCheck(check, **grid)).unit == PLACE
    progress = await course.do(
        "campaigns", "GetCampaignProgress", c.GetCampaignProgressRequest(name=f"{name}/progress")
    )
    assert (progress.places_checked, progress.places_total, progress.places[0].checks) == (1, 1, 1)


async def test_a_unit_that_only_goes_out_sees_its_own_places_and_no_other(clients: Clients, course: Course) -> None:
    other = "units/620102001002"
    made = await course.do("campaigns", "CreateCampaign", campaign(places=[PLACE, other]))
    name = made.name
    assigned = [c.PlaceAssignment(place=each, unit=each) for each in (PLACE, other)]
    await course.do("campaigns", "AssignPlaces",
                    c.AssignPlacesRequest(name=name, places=assigned, request_id=request_id()))  # fmt: skip
    await course.do("campaigns", "StartCampaign", c.StartCampaignRequest(name=name, request_id=request_id()),
                    "unit_head")  # fmt: skip
    for place in (PLACE, other):
        check = c.RecordCheckRequest(name=name, place=place, answers=[1], request_id=request_id())
        await course.do("campaigns", "RecordCheck", check, "grid_worker")
    access = clients.as_("handler", VILLAGE)
    listed = await clients.campaigns.ListCampaigns(c.ListCampaignsRequest(), **access)
    (shown,) = [each for each in listed.campaigns if each.name == name]
    assert [each.place for each in shown.places] == [PLACE]
    checks = await clients.campaigns.ListChecks(c.ListChecksRequest(parent=name), **access)
    assert {each.place for each in checks.checks} == {PLACE}
    theirs = c.ListChecksRequest(parent=name, place=other)
    await refused(clients.campaigns.ListChecks(theirs, **access), "PERMISSION_DENIED")
    ask = c.GetCampaignProgressRequest(name=f"{name}/progress")
    assert (await clients.campaigns.GetCampaignProgress(ask, **access)).places_total == 1
    assert (await course.do("campaigns", "GetCampaignProgress", ask)).places_total == 2


async def test_nothing_is_checked_before_a_campaign_is_started_or_after_it_has_ended(course: Course) -> None:
    name = await course.campaign(started=False)
    for step in (None, "StartCampaign", "EndCampaign"):
        if step:
            request = getattr(c, f"{step}Request")(name=name, request_id=request_id())
            if step == "EndCampaign":
                request.report = "共查一处。"
            await course.do("campaigns", step, request, "unit_head")
        check = c.RecordCheckRequest(name=name, place=PLACE, answers=[1], request_id=request_id())
        doing = course.do("campaigns", "RecordCheck", check, "grid_worker")
        if step == "StartCampaign":
            await doing
        else:
            await refused(doing, "WRONG_STATE")
