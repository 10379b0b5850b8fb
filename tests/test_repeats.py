"""A matter that was answered before points to its earlier answer: on the report, and on the slip."""

from __future__ import annotations

import pytest
from pb.mediation.v1 import mediation_pb2

from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.outside import Desk, Reporter
from tests.test_forwards import code
from tests.test_intake import told_of_its_end
from tests.test_links import link

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
DECLINE = {"reason": "不属于调解范围", "route": "ROUTE_COURT"}


@BOTH
async def test_a_repeat_shows_on_slip_and_report_how_it_was_answered_before(stack: Stack, language: str) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
    ):
        earlier = (await clerk.file("要求拆除围墙。"))["name"]
        me.takes(await clerk.file("还是那堵围墙。"))
        early = await link(clerk, me.report, earlier, "REPEAT")
        assert code(early) == (409, "NOT_ANSWERED")
        assert early.json()["detail"].isascii() is (language == "en")
        declined = await duty.does(earlier, "decline", **DECLINE)
        assert (await link(clerk, me.report, earlier, "REPEAT", "同一人同一事项")).status_code == 200

        words = "Not accepted" if language == "en" else "不予受理"
        (on_slip,) = (await me.receipt(lambda now: now["earlierAnswers"]))["earlierAnswers"]
        (on_report,) = (await clerk.reads(f"/v1/{me.report}"))["earlierAnswers"]
        for shown in (on_slip, on_report):
            assert (shown["readable"], shown["report"], shown["outcome"]) == (True, earlier, words)
            assert shown["answerTime"][:16] == declined["updateTime"][:16]
            assert shown["unitDisplayName"] == "城关区"
        (linked,) = (await clerk.reads(f"/v1/{earlier}/links"))["links"]
        assert (linked["kind"], linked["incoming"]) == ("LINK_KIND_REPEAT", True)

        # Decided otherwise, it points there no more.
        assert (await link(clerk, me.report, earlier, "RELATED", "另一堵墙")).status_code == 200
        assert not (await clerk.reads(f"/v1/{me.report}")).get("earlierAnswers")


async def test_a_closed_case_answers_with_its_outcome_until_it_is_opened_again(stack: Stack, clients: Clients) -> None:
    over = await clients.file_report()
    case = await clients.accept(over)
    await clients.finish(case.name)
    await told_of_its_end(clients, case.name, closed=True)
    async with Reporter(stack, "en") as me, Desk(stack, "clerk", language="en") as clerk:
        me.takes(await clerk.file())
        assert (await link(clerk, me.report, over.name, "REPEAT")).status_code == 200
        asked = mediation_pb2.GetCaseRequest(name=case.name)
        closed = (await clients.mediation.GetCase(asked, **clients.as_("handler"))).close_time
        (shown,) = (await me.receipt(lambda now: now["earlierAnswers"]))["earlierAnswers"]
        assert (shown["report"], shown["case"]) == (over.name, case.name)
        assert shown["outcome"] not in ("", "Closed", "Being handled")
        assert shown["answerTime"][:19] == closed.ToJsonString()[:19]


async def test_who_may_not_read_the_earlier_one_sees_only_that_there_is_one(stack: Stack) -> None:
    async with (
        Reporter(stack) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer", "620103") as beside,
        Desk(stack, "clerk", "6201") as city,
    ):
        there = (await city.file("围墙。", unit="units/620103"))["name"]
        me.takes(await clerk.file("还是围墙。"))
        await beside.does(there, "decline", **DECLINE)
        assert (await link(clerk, me.report, there, "REPEAT")).status_code == 403
        assert (await link(city, me.report, there, "REPEAT")).status_code == 200
        (hidden,) = (await clerk.reads(f"/v1/{me.report}"))["earlierAnswers"]
        assert not any(hidden.values()), hidden
        (seen,) = (await city.reads(f"/v1/{me.report}"))["earlierAnswers"]
        assert seen["report"] == there
        # The reporter had the answer before: the desk decided that it is the same person.
        (mine,) = (await me.receipt(lambda now: now["earlierAnswers"]))["earlierAnswers"]
        assert mine["report"] == there

        # Of a complaint about the caller's own unit it is not said that there is one.
        complaint = (await clerk.file("镇里不管。", aboutUnit="units/620102001"))["name"]
        told = (await clerk.file("镇里的事。", unit="units/620102001"))["name"]
        async with Desk(stack, "duty_officer") as duty, Desk(stack, "clerk", "620102001") as below:
            await duty.does(complaint, "decline", **DECLINE)
            assert (await link(clerk, told, complaint, "REPEAT")).status_code == 200
            assert len((await clerk.reads(f"/v1/{told}"))["earlierAnswers"]) == 1
            assert not (await below.reads(f"/v1/{told}")).get("earlierAnswers")


async def test_a_repeat_is_of_something_earlier_and_what_is_merged_is_not_told_apart(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        first, second = (await clerk.file())["name"], (await clerk.file())["name"]
        await duty.does(second, "decline", **DECLINE)
        later = await link(clerk, first, second, "REPEAT")
        assert (code(later), later.json()["errors"][0]["field"]) == ((400, "INVALID_FIELD"), "target")
        merged, target = (await clerk.file())["name"], (await clerk.file())["name"]
        await duty.does(merged, "merge", target=target, reason="同一事项")
        for one, other in ((merged, target), (target, merged)):
            assert code(await link(clerk, one, other, "DISTINCT")) == (409, "MERGED_NOW")
