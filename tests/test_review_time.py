"""Reviews at the boundary of each of their six limits, over the holidays of 2026; no right ends unsaid."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc
from pb.escalation.v1 import reviews_pb2 as pb

from accord.embedded.stack import Stack
from tests.reviewing import CITY, COUNTY, PROVINCE, Reviewing, local
from tests.still import Still, standing_still


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


@pytest.fixture
def review(still: Still) -> Reviewing:
    """Return a review that is still to be opened."""
    return Reviewing(still.channel, still.as_)


async def kinds(still: Still, review: Reviewing) -> list[str]:
    """Return what happened in the review, in order."""
    query = "SELECT kind FROM events WHERE number = $1 ORDER BY seq"
    async with still.database.begin() as connection:
        return [row["kind"] for row in await connection.raw.fetch(query, review.number)]


async def raised(still: Still, review: Reviewing) -> list[str]:
    """Return from which unit to which the review was raised, in order."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    found = await stub.ListEscalations(
        escalation_pb2.ListEscalationsRequest(parent=review.name), **still.as_("supervisor", PROVINCE)
    )
    return [f"{each.from_unit} {each.to_unit}".replace("units/", "") for each in reversed(found.escalations)]


async def test_the_right_to_ask_runs_to_the_working_day_after_thirty_days_and_is_reminded_of_by_the_raw_day(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-09-03T10:00")
    await (await review.open()).say(COUNTY)
    # 3 October is a Saturday in the National Day holidays: the last day in time is the 8th, the safe day the 3rd.
    assert await review.due() == "2026-10-08T23:59"
    told = await review.told()
    assert (told.may_ask, local(told.ask_by_time), local(told.due_time)) == (
        True, "2026-10-03T23:59", "2026-10-08T23:59")  # fmt: skip
    still.to("2026-09-26T23:59")
    await still.fire(review.number)
    assert "ClockReminded" not in await kinds(still, review)
    still.to("2026-09-27T00:01")  # seven days before the raw day, not before the rolled one
    await still.fire(review.number)
    assert (await kinds(still, review)).count("ClockReminded") == 1
    still.to("2026-10-08T23:59")
    await still.fire(review.number)
    asked = await review.ask()
    assert (asked.refusal, asked.unit, await review.state()) == (0, f"units/{CITY}", "REVIEW_ASKED")


async def test_a_second_after_the_end_the_right_has_lapsed_and_a_notice_of_it_is_due(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-04-01T10:00")
    await (await review.open()).say(COUNTY)
    assert await review.due() == "2026-05-06T23:59"  # 1 May rolls over Labour Day
    still.to("2026-05-06T23:59")
    await still.fire(review.number)
    assert await review.state() == "ANSWERED"
    still.to("2026-05-07T00:00")
    await still.fire(review.number)
    assert (await review.state(), (await review.get()).lapsed) == ("FINAL_NOTICE_DUE", True)
    assert {"ClockOverdue", "ReviewRightLapsed"} <= set(await kinds(still, review))
    assert not await raised(still, review)  # a right that was not used is nobody's fault
    # Five working days, 9 May (a Saturday) worked: 8, 9, 11, 12, 13.
    assert await review.due() == "2026-05-13T23:59"
    late = await review.ask()
    assert (late.refusal, late.unit) == (pb.APPEAL_REFUSAL_LATE, "")
    assert pb.REVIEW_ROUTE_LITIGATION in late.routes
    still.to("2026-05-13T23:59")
    await still.fire(review.number)
    assert not await raised(still, review)
    still.to("2026-05-14T00:00")
    await still.fire(review.number)
    assert await raised(still, review) == [f"{COUNTY} {CITY}"]
    await review.say(COUNTY)
    assert await review.state() == "ENDED"


async def test_what_was_posted_before_the_end_is_in_time_whenever_it_comes(still: Still, review: Reviewing) -> None:
    still.to("2026-04-01T10:00")
    await (await review.open()).say(COUNTY)
    still.to("2026-05-07T00:00")
    await still.fire(review.number)
    still.to("2026-05-09T10:00")
    asked = await review.ask(posted="2026-05-06T18:00")
    assert (asked.refusal, await review.state()) == (0, "REVIEW_ASKED")
    found = await review.get()
    assert (found.lapsed, found.turn) == (False, f"units/{CITY}")
    assert local(found.due_time) == "2026-06-08T23:59"  # thirty days from its coming


async def test_the_unit_above_decides_in_thirty_days_or_the_level_above_it_hears(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-09-03T10:00")
    await (await review.open()).say(COUNTY)
    still.to("2026-09-10T10:00")
    await review.ask()
    # A duty of a unit does not roll: 10 October.
    assert await review.due() == "2026-10-10T23:59"
    still.to("2026-10-10T23:59")
    await still.fire(review.number)
    assert not await raised(still, review)
    still.to("2026-10-11T00:00")
    await still.fire(review.number)
    await still.fire(review.number)
    assert await raised(still, review) == [f"{CITY} {PROVINCE}"]
    await review.say(CITY, pb.REVIEW_RESULT_UPHELD)
    assert await review.state() == "REVIEWED"


async def test_the_right_to_a_second_review_runs_from_the_day_the_decision_was_received(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-01-05T10:00")
    await (await review.open()).say(COUNTY)
    still.to("2026-01-06T10:00")
    await review.ask()
    still.to("2026-01-19T10:00")
    await review.say(CITY, pb.REVIEW_RESULT_CHANGED, received="2026-01-16T15:00")
    # 15 February is the first day of the Spring Festival: 24 February.
    assert await review.due() == "2026-02-24T23:59"
    still.to("2026-02-24T23:59")
    await still.fire(review.number)
    assert (await review.ask()).unit == f"units/{PROVINCE}"
    assert await review.state() == "SECOND_REVIEW_ASKED"


async def test_the_time_of_a_hearing_over_national_day_is_not_counted_in_a_second_review(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-09-01T10:00")
    await (await review.open()).say(COUNTY)
    still.to("2026-09-02T10:00")
    await review.ask()
    # A hearing of the first review stops nothing: the regulation excludes it for the second alone.
    before = await review.due()
    assert local((await review.hearing("Begin", CITY)).due_time) == before
    still.to("2026-09-04T10:00")
    assert local((await review.hearing("End", CITY)).due_time) == before
    await review.say(CITY, pb.REVIEW_RESULT_UPHELD)
    still.to("2026-09-07T10:00")
    await review.ask()
    assert await review.due() == "2026-10-07T23:59"

    still.to("2026-09-28T10:00")
    paused = await review.hearing("Begin", PROVINCE)
    assert not paused.HasField("due_time")
    still.to("2026-10-09T16:00")
    await still.fire(review.number)
    assert "ClockOverdue" not in await kinds(still, review)
    # Paused on 28 September, with 20 days counted (8 to 27 September); ten are left from 9 October on.
    resumed = await review.hearing("End", PROVINCE, "record-1")
    assert local(resumed.due_time) == "2026-10-18T23:59"
    still.to("2026-10-18T23:59")
    await still.fire(review.number)
    assert "ClockOverdue" not in await kinds(still, review)
    still.to("2026-10-19T00:00")
    await still.fire(review.number)
    assert "ClockOverdue" in await kinds(still, review)
    # There is no level above the province: it stays overdue with it.
    assert not await raised(still, review)
    clock = await review.clock("review-2")
    assert clock.rule == "petition_second_review"


async def test_an_answer_that_was_set_aside_is_due_anew_and_may_be_reviewed_again(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-03-02T10:00")
    await (await review.open()).say(COUNTY)
    still.to("2026-03-03T10:00")
    await review.ask()
    still.to("2026-03-05T10:00")
    await review.say(CITY, pb.REVIEW_RESULT_SET_ASIDE)
    assert (await review.state(), await review.due()) == ("ANSWER_DUE", "2026-04-04T23:59")
    still.to("2026-04-04T23:59")
    await still.fire(review.number)
    assert not await raised(still, review)
    still.to("2026-04-05T00:00")  # Qingming
    await still.fire(review.number)
    assert await raised(still, review) == [f"{COUNTY} {CITY}"]
    await review.serve(await review.draft(COUNTY, sub="another"), sub="another-head")
    assert await review.state() == "ANSWERED"
    assert (await review.ask()).unit == f"units/{CITY}"


async def test_after_the_second_decision_the_end_is_told_within_five_working_days(
    still: Still, review: Reviewing
) -> None:
    still.to("2026-09-01T10:00")
    await (await review.open()).say(COUNTY)
    await review.ask()
    still.to("2026-09-02T10:00")
    await review.say(CITY, pb.REVIEW_RESULT_UPHELD)
    await review.ask()
    still.to("2026-09-30T10:00")
    await review.say(PROVINCE, pb.REVIEW_RESULT_UPHELD)
    # 8, 9, 10 (a Saturday, worked), 12, 13 October.
    assert (await review.state(), await review.due()) == ("FINAL_NOTICE_DUE", "2026-10-13T23:59")
    refused = await review.ask()
    assert refused.refusal == pb.APPEAL_REFUSAL_ENDED
    still.to("2026-10-13T23:59")
    await still.fire(review.number)
    assert "ClockOverdue" not in await kinds(still, review)
    await review.say(PROVINCE)
    assert await review.state() == "ENDED"
    assert (await still.fire(review.number)).next_at is None
    assert (await review.ask()).refusal == pb.APPEAL_REFUSAL_ENDED
