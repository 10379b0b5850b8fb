"""Reviews: who decides on what, who may not, what is read by whom; the rules and the service itself."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from docx import Document
from pb.escalation.v1 import reviews_pb2 as pb

from casework.errors import CaseError
from casework.supervision.meetings import review as rules_of
from casework.supervision.meetings.review import Refusal, ReplyKind, Result, ReviewState
from services.kit.instants import stamp
from tests.conftest import COUNTY, Clients, request_id
from tests.reviewing import CITY, PROVINCE, REASONS, TEXT, Reviewing, a_case

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def refused(code: str) -> Any:
    """Check that what is done inside is refused for this reason."""
    return pytest.raises(grpc.aio.AioRpcError, match=code)


@pytest.fixture
async def review(clients: Clients) -> Reviewing:
    """Return an opened review of the county."""
    return await Reviewing(clients.channels["escalation"], clients.as_, tell_of=clients.tell_of).open()


# --- the rules ----------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (ReviewState, pb.ReviewState, "REVIEW_STATE"), (ReplyKind, pb.ReplyKind, "REPLY_KIND"),
        (Result, pb.ReviewResult, "REVIEW_RESULT"), (Refusal, pb.AppealRefusal, "APPEAL_REFUSAL"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])


def test_a_review_leads_on_by_what_was_decided() -> None:
    for kind, result, above, state in (
        (ReplyKind.ANSWER, None, True, ReviewState.ANSWERED),
        (ReplyKind.ANSWER, None, False, ReviewState.FINAL_NOTICE_DUE),
        (ReplyKind.REVIEW, Result.UPHELD, True, ReviewState.REVIEWED),
        (ReplyKind.REVIEW, Result.CHANGED, False, ReviewState.FINAL_NOTICE_DUE),
        (ReplyKind.REVIEW, Result.SET_ASIDE, True, ReviewState.ANSWER_DUE),
        (ReplyKind.SECOND_REVIEW, Result.SET_ASIDE, True, ReviewState.ANSWER_DUE),
        (ReplyKind.SECOND_REVIEW, Result.CHANGED, True, ReviewState.FINAL_NOTICE_DUE),
        (ReplyKind.FINAL_NOTICE, None, True, ReviewState.ENDED),
    ):
        assert rules_of.after(kind, result, above=above) is state


def test_a_decision_says_what_it_does_and_nothing_else_does() -> None:
    for kind in ReplyKind:
        wrong = None if kind in rules_of.DECISIONS else Result.UPHELD
        with pytest.raises(CaseError, match="WRONG_STATE"):
            rules_of.check_result(kind, wrong)


def test_a_request_is_late_a_second_after_the_end_and_none_while_one_is_decided() -> None:
    due, late = NOW, NOW + timedelta(seconds=1)
    assert rules_of.ask(ReviewState.ANSWERED, False, due, due) is None
    assert rules_of.ask(ReviewState.ANSWERED, False, late, due) is Refusal.LATE
    # The right lapsed, and a letter posted in time comes even after the end was told.
    assert rules_of.ask(ReviewState.ENDED, True, due, due) is None
    assert rules_of.ask(ReviewState.ENDED, True, late, due) is Refusal.LATE
    assert rules_of.ask(ReviewState.ENDED, False, due, due) is Refusal.ENDED
    for state in (ReviewState.ANSWER_DUE, ReviewState.REVIEW_ASKED, ReviewState.SECOND_REVIEW_ASKED):
        with pytest.raises(CaseError, match="WRONG_STATE"):
            rules_of.ask(state, False, due, due)


# --- who may what -------------------------------------------------------------------------------------------------


async def test_whoever_drafted_an_answer_does_not_sign_it(review: Reviewing) -> None:
    draft = await review.draft(COUNTY, sub="one", role="handler")
    with refused("SAME_PERSON"):
        await review.serve(draft, sub="one")
    served = await review.serve(draft, sub="two")
    assert (served.drafter, served.signer) == ("one", "two")
    with refused("WRONG_STATE"):
        await review.serve(served, sub="two")


async def test_nobody_decides_on_what_they_gave_or_decided_before(review: Reviewing) -> None:
    await review.serve(await review.draft(COUNTY, sub="answered"), sub="signed")
    await review.ask()
    for who in ("answered", "signed"):  # promoted to the city meanwhile
        with refused("ROLE_BARRED"):
            await review.draft(CITY, pb.REVIEW_RESULT_UPHELD, sub=who)
    draft = await review.draft(CITY, pb.REVIEW_RESULT_UPHELD, sub="decides")
    with refused("ROLE_BARRED"):
        await review.serve(draft, sub="signed")
    await review.serve(draft, sub="decides-too")
    await review.ask()
    with refused("ROLE_BARRED"):
        await review.draft(PROVINCE, pb.REVIEW_RESULT_UPHELD, sub="decides")


async def test_only_the_unit_one_level_up_decides(review: Reviewing) -> None:
    await review.say(COUNTY)
    asked = await review.ask()
    assert asked.unit == f"units/{CITY}"
    for unit in (COUNTY, "6202", "620103"):
        with refused("PERMISSION_DENIED"):
            await review.draft(unit, pb.REVIEW_RESULT_UPHELD)


async def test_a_department_is_reviewed_by_its_county_then_its_city(clients: Clients) -> None:
    review = await Reviewing(clients.channels["escalation"], clients.as_, tell_of=clients.tell_of).open(
        unit="620102-labour"
    )
    await review.say("620102-labour")
    assert (await review.ask()).unit == f"units/{COUNTY}"
    await review.say(COUNTY, pb.REVIEW_RESULT_UPHELD)
    assert (await review.ask()).unit == f"units/{CITY}"


async def test_a_matter_has_one_review(clients: Clients, review: Reviewing) -> None:
    case = (await review.get()).case
    with refused("ALREADY_EXISTS"):
        await Reviewing(clients.channels["escalation"], clients.as_, tell_of=clients.tell_of).open(case)
    with refused("review.case|INVALID_FIELD"):
        await Reviewing(clients.channels["escalation"], clients.as_, tell_of=clients.tell_of).open(a_case("620103"))


async def test_the_person_follows_and_asks_by_the_receipt_alone(clients: Clients, review: Reviewing) -> None:
    assert (await review.told()).state == pb.REVIEW_STATE_ANSWER_DUE
    await review.say(COUNTY)
    told = await review.told()
    assert (told.may_ask, told.unit, len(told.routes)) == (True, f"units/{COUNTY}", 3)
    request = pb.FileAppealRequest(name="reviewReceipts/7QK2-9MXA-04ZD-PW3E-5", text=REASONS, request_id=request_id())
    citizen = clients.as_("citizen", "620102001001")
    with refused("NOT_FOUND"):
        await review.stub.FileAppeal(request, **citizen)
    request.name = review.receipt
    asked = await review.stub.FileAppeal(request, **citizen)
    assert asked.asked_by == pb.APPEALED_BY_PERSON
    assert await review.stub.FileAppeal(request, **citizen) == asked
    told = await review.told()
    assert (told.may_ask, told.unit, told.HasField("ask_by_time")) == (False, f"units/{CITY}", False)


async def test_a_repeat_of_opening_tells_the_receipt_code_again_and_the_database_has_it_nowhere(
    clients: Clients,
) -> None:
    request = pb.CreateReviewRequest(
        review=pb.Review(case=await clients.tell_of(a_case()), unit=f"units/{COUNTY}"), request_id=request_id()
    )  # fmt: skip
    clerk = clients.as_("clerk")
    first, again = [await clients.reviews.CreateReview(request, **clerk) for _ in range(2)]
    assert first == again
    assert first.receipt_code
    shown = await clients.reviews.GetReview(pb.GetReviewRequest(name=first.name), **clerk)
    assert not shown.receipt_code


async def test_what_the_person_says_in_asking_is_read_by_who_decides_and_not_by_whom_it_is_about(
    clients: Clients, review: Reviewing
) -> None:
    await review.say(COUNTY)
    asked = await review.ask()
    read = pb.ReadAppealRequest(name=asked.name)
    with refused("PERMISSION_DENIED"):
        await review.stub.ReadAppeal(read, **clients.as_("unit_head", COUNTY))
    assert await review.stub.ReadAppeal(read, **clients.as_("handler", CITY)) == REASONS
    text = await review.stub.ReadReply(
        pb.ReadReplyRequest(name=f"{review.name}/replies/1"), **clients.as_("handler", CITY)
    )
    assert text == TEXT


async def test_a_draft_of_the_level_above_is_not_read_below_before_it_is_served(
    clients: Clients, review: Reviewing
) -> None:
    await review.say(COUNTY)
    await review.ask()
    draft = await review.draft(CITY, pb.REVIEW_RESULT_SET_ASIDE)
    read = pb.ReadReplyRequest(name=draft.name)
    with refused("PERMISSION_DENIED"):
        await review.stub.ReadReply(read, **clients.as_("handler", COUNTY))
    await review.serve(draft)
    assert await review.stub.ReadReply(read, **clients.as_("handler", COUNTY)) == TEXT


async def test_a_decision_is_not_served_while_its_hearing_lasts(review: Reviewing) -> None:
    await review.say(COUNTY)
    with refused("WRONG_STATE"):
        await review.hearing("Begin", COUNTY)
    await review.ask()
    await review.hearing("Begin", CITY)
    with refused("WRONG_STATE"):
        await review.hearing("Begin", CITY)
    draft = await review.draft(CITY, pb.REVIEW_RESULT_UPHELD)
    with refused("WRONG_STATE"):
        await review.serve(draft)
    ended = await review.hearing("End", CITY, "record-1")
    assert (ended.hearings[0].notice, ended.hearings[0].record) == ("doc-1", "record-1")
    await review.serve(draft)


async def test_a_reply_is_not_recorded_as_received_long_ago_or_in_the_future(review: Reviewing) -> None:
    draft = await review.draft(COUNTY)
    for days, code in ((-6, "BACKDATED_TOO_FAR"), (1, "IN_THE_FUTURE")):
        request = pb.ServeReplyRequest(name=draft.name, medium=1, request_id=request_id())
        request.serve_time.CopyFrom(stamp(datetime.now(UTC) + timedelta(days=days)))
        with refused(code):
            await review.stub.ServeReply(request, **review.caller("unit_head", COUNTY))


async def test_a_final_notice_as_a_word_file_says_what_stays_open(clients: Clients, review: Reviewing) -> None:
    await review.say(COUNTY)
    request = pb.GetReplyDocumentRequest(name=f"{review.name}/replies/1/document")
    found = await review.stub.GetReplyDocument(request, **clients.as_("handler", COUNTY))
    lines = [each.text for each in Document(io.BytesIO(found.content)).paragraphs]
    assert lines[1] == "信访事项处理意见书"
    assert "对本意见不服的，可以自收到之日起三十日内，向兰州市社会治安综合治理中心请求复查。" in lines
    assert {TEXT.facts, TEXT.conclusion} <= set(lines)
    assert any("诉讼" in line and "行政复议" in line for line in lines)


async def test_a_list_shows_the_own_subtree_most_urgent_first(clients: Clients, review: Reviewing) -> None:
    await review.say(COUNTY)
    await review.ask()
    for unit in (COUNTY, CITY):
        found = []
        token = ""
        while True:
            request = pb.ListReviewsRequest(open=True, page_size=2, page_token=token)
            page = await review.stub.ListReviews(request, **clients.as_("auditor", unit))
            found += page.reviews
            token = page.next_page_token
            if not token:
                break
        assert review.name in {each.name for each in found}
        dues = [each.due_time.ToDatetime() if each.HasField("due_time") else datetime.max for each in found]
        assert dues == sorted(dues)
    elsewhere = await review.stub.ListReviews(pb.ListReviewsRequest(), **clients.as_("auditor", "620103"))
    assert review.name not in {each.name for each in elsewhere.reviews}
