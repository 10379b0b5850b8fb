"""The reporter's day: nothing but the code of a receipt and its second factor, over REST, in Chinese and in English."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pb.intake.v1.intake_pb2 import GetReportRequest

from accord.embedded.stack import Stack
from casework.door.second_factor import WORDS, closed_for, is_right, words
from tests import erasing
from tests.conftest import Clients
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.scratch import Scratch

PHONE = "13800138000"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
IN_WORDS = {
    "AT_DOOR": ("已登记，等待受理", "Received, waits to be accepted"),
    "HANDLING": ("办理中", "Being handled"),
    "DECLINED": ("不予受理", "Not accepted"),
    "REVIEW": ("复核中", "The refusal is being looked at again"),
    "WITHDRAWN": ("已撤回", "Withdrawn"),
}


def said(phase: str, language: str) -> str:
    return IN_WORDS[phase][language == "en"]


async def clock_shown(stack: Stack, report: str) -> bool:
    """Return whether the date of a report is that of its one running clock, and follows it."""
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        shown = await connection.fetchrow(
            "SELECT due_clock, due_at FROM intake.reports WHERE number = $1", report.removeprefix("reports/")
        )
        clocks = await connection.fetch(
            "SELECT id, due_at FROM intake.clocks WHERE number = $1 AND state = 1", report.removeprefix("reports/")
        )
    finally:
        await connection.close()
    return [tuple(each) for each in clocks] == [tuple(shown)]


@BOTH
async def test_a_receipt_says_who_has_it_what_comes_next_and_by_when_and_why(stack: Stack, language: str) -> None:
    async with Reporter(stack, language) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE}))
        shown = (await me.receipt())["progress"]
        assert shown["phaseWords"] == said("AT_DOOR", language)
        assert (shown["unitDisplayName"], shown["phone"], shown["turn"]) == ("城关区", "12345", "TURN_UNIT")
        (due,) = shown["dates"]
        assert due["dueTime"]
        assert due["explanation"].startswith("3个工作日，自" if language == "zh" else "3 working days from ")
        assert [each["action"] for each in shown["actions"]] == ["add", "correct", "withdraw"]

        await duty.does(me.report, "accept")
        shown = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_HANDLING" and now.get("dueTime")))[
            "progress"
        ]
        assert shown["phaseWords"] == said("HANDLING", language)
        assert shown["dates"][0]["explanation"]


@BOTH
async def test_a_reporter_signs_in_by_phone_adds_corrects_and_withdraws(stack: Stack, language: str) -> None:
    async with Reporter(stack, language) as me, Desk(stack, "clerk") as clerk:
        never = {"neverBy": ["CONTACT_CHANNEL_PAPER"]}
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE, "contact": never}))
        assert me.words == ""
        assert (await me.sign_in("0001")).json()["code"] == "SECOND_FACTOR_WRONG"
        assert (await me.sign_in(PHONE[-4:])).status_code == 200
        assert (await me.does("add", text="今天又漏了。")).status_code == 200
        corrected = await me.does("correct", reporter={"phone": "13900139123"}, address="三楼")
        assert corrected.status_code == 200
        content = await clerk.reads(f"/v1/{me.report}/content")
        assert [each["text"] for each in content["additions"]] == ["今天又漏了。"]
        assert (content["reporter"]["phone"], content["address"]) == ("13900139123", "三楼")
        # What was not corrected stays: above all the wish not to be reached somewhere.
        assert (content["reporter"]["displayName"], content["reporter"]["contact"]["neverBy"]) == (
            "来访人",
            never["neverBy"],
        )
        assert (await me.sign_in("9123")).status_code == 200

        withdrawn = await me.does("withdraw")
        assert withdrawn.json()["state"] == "REPORT_STATE_WITHDRAWN"
        shown = (await me.receipt(lambda now: now["state"] == "REPORT_STATE_WITHDRAWN"))["progress"]
        assert (shown["phaseWords"], shown["dates"]) == (said("WITHDRAWN", language), [])
        assert [each["action"] for each in shown["actions"]] == ["rate"]
        assert (await me.does("add", text="还有。")).json()["code"] == "WRONG_STATE"


@BOTH
async def test_a_refusal_is_looked_at_again_by_somebody_else_with_a_clock(stack: Stack, language: str) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer", sub="one") as one,
        Desk(stack, "unit_head", sub="two") as two,
    ):
        me.takes(await clerk.file(secondFactor="SECOND_FACTOR_WORDS", reporter={"phone": PHONE}))
        await one.does(me.report, "decline", reason="不属于调解范围", route="ROUTE_COURT")
        shown = (await me.receipt())["progress"]
        assert (shown["phaseWords"], shown["reason"]) == (said("DECLINED", language), "不属于调解范围")
        assert shown["otherRoutes"]
        assert [each["action"] for each in shown["actions"]] == ["requestReview", "rate"]

        zh, en = me.words.split(" / ")
        assert (await me.sign_in(en if language == "en" else zh)).status_code == 200
        assert (await me.does("requestReview", text="是邻里纠纷。")).json()["state"] == "REPORT_STATE_DISPUTED"
        shown = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_REVIEW"))["progress"]
        assert shown["phaseWords"] == said("REVIEW", language)
        assert len(shown["dates"]) == 1

        assert (await two.reads(f"/v1/{me.report}/review"))["text"] == "是邻里纠纷。"
        mine = await one.tries(me.report, "decideReview", upheld=True, reason="如前")
        assert mine.json()["code"] == "SAME_PERSON"
        answer = await two.does(me.report, "decideReview", upheld=False, reason="属于邻里纠纷")
        assert answer["state"] == "REPORT_STATE_RECEIVED"
        assert await clock_shown(stack, me.report), "the report's date is that of the clock that runs now"
        shown = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_AT_DOOR"))["progress"]
        assert len(shown["dates"]) == 1
        await one.does(me.report, "accept")
        await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_HANDLING" and now.get("dueTime"))


async def test_a_refusal_that_was_upheld_is_not_looked_at_twice(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk, Desk(stack, "unit_head") as head:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        async with Desk(stack, "duty_officer") as duty:
            await duty.does(me.report, "decline", reason="不属于调解范围", route="ROUTE_COURT")
        await me.sign_in(PHONE[-4:])
        await me.does("requestReview")
        await head.does(me.report, "decideReview", upheld=True, reason="应向法院起诉")
        shown = (await me.receipt(lambda now: now["progress"]["reason"] == "应向法院起诉"))["progress"]
        assert (shown["phase"], [each["action"] for each in shown["actions"]]) == ("PHASE_DECLINED", ["rate"])
        async with asyncio.timeout(PATIENCE):
            while "refusal_upheld" not in (await me.get(f"/v1/{me.report}/notices")).text:
                await asyncio.sleep(0.5)
        assert (await me.does("rate", contentment="CONTENTMENT_NOT", text="太慢。")).status_code == 200
        assert (await head.reads(f"/v1/{me.report}/content"))["rating"]["text"] == "太慢。"
        assert (await me.does("requestReview")).json()["code"] == "OBJECTED_BEFORE"


async def test_a_lost_receipt_is_replaced_at_a_counter_and_the_old_code_is_dead(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file())
        old = me.code
        me.takes(
            await clerk.does(me.report, "reissueReceipt", documentKind="居民身份证", secondFactor="SECOND_FACTOR_WORDS")
        )
        assert me.code not in ("", old)
        assert (await me.look(old)).status_code == 404
        assert (await me.receipt())["report"] == me.report
        assert (await me.sign_in(me.words.split(" / ")[0])).status_code == 200


async def test_a_merged_report_follows_the_other_one_and_comes_back(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        other = await clerk.file("楼上漏水，邻居不管。")
        await duty.does(me.report, "merge", target=other["name"], reason="same-place")
        await duty.does(other["name"], "accept")
        shown = await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_HANDLING" and now.get("dueTime"))
        assert (shown["case"], shown["report"]) == (other["case"], me.report)


async def test_a_case_that_moves_is_mediated_closed_and_taken_up_again_is_followed_all_the_way(stack: Stack) -> None:
    def at(phase: str) -> Callable[[dict[str, Any]], bool]:
        return lambda now: now["progress"]["phase"] == f"PHASE_{phase}"

    async with (
        Reporter(stack) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "handler", "62") as handler,
        Desk(stack, "reviewer", "62") as reviewer,
    ):
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        await duty.does(me.report, "accept")
        case = (await me.receipt(lambda now: at("HANDLING")(now) and now.get("dueTime")))["case"]
        await duty.does(case, "transfer", unit="units/620102001")
        moved = await me.receipt(lambda now: now["unit"] == "units/620102001")
        assert moved["progress"]["unitDisplayName"] == moved["unitDisplayName"] == "酒泉路街道"

        for side in ("SIDE_APPLICANT", "SIDE_RESPONDENT"):
            details = {"displayName": "某人"}
            await clerk.puts(f"/v1/{case}/parties", side=side, kind="PARTY_KIND_NATURAL", details=details)
        shown = (await me.receipt(at("MEDIATION")))["progress"]
        assert shown["turn"] == "TURN_PARTIES"
        assert shown["dates"][0]["title"] == "简易事项办结"

        await handler.does(case, "requestClosing", outcome="OUTCOME_REFERRED")
        await me.receipt(at("CLOSING"))
        await reviewer.does(case, "close", approved=True)
        shown = (await me.receipt(at("CLOSED")))["progress"]
        assert (shown["outcome"], shown["dates"]) == ("已转其他机关办理", [])
        assert shown["otherRoutes"]
        await me.sign_in(PHONE[-4:])
        assert (await me.does("rate", contentment="CONTENTMENT_PARTLY")).status_code == 200
        await duty.does(case, "reopen", reason="REOPEN_REASON_NEW_FACTS", evidence="doc-1")
        again = (await me.receipt(lambda now: not at("CLOSED")(now)))["progress"]
        assert (again["outcome"], len(again["dates"])) == ("", 1)


async def test_a_receipt_says_that_the_content_was_erased(stack: Stack, clients: Clients) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        case = me.report.replace("reports/", "cases/")
        await clients.accept(await clients.intake.GetReport(GetReportRequest(name=me.report), **clients.as_("clerk")))
        async with Desk(stack, "handler", "62") as handler, Desk(stack, "reviewer", "62") as reviewer:
            await handler.does(case, "requestClosing", outcome="OUTCOME_REFERRED")
            await reviewer.does(case, "close", approved=True)
        await erasing.requested(clients, case)
        await erasing.erased(clients, case)
        shown = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_ERASED"))["progress"]
        assert shown["phaseWords"] == "内容已依法删除"
        await erasing.until(clients, case, lambda now: now.complete)
        assert (await me.sign_in(PHONE[-4:])).json()["code"] == "DATA_ERASED"


async def test_a_token_of_a_receipt_is_good_for_its_own_matter_alone(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        other = await clerk.file("另一件事。")
        await me.sign_in(PHONE[-4:])
        for verb, fields in (
            ("add", {"text": "x"}),
            ("withdraw", {}),
            ("correct", {"address": "x"}),
            ("requestReview", {}),
        ):
            assert (await me.does(verb, name=other["name"], **fields)).status_code == 403
        assert (await me.get(f"/v1/{other['name']}")).status_code == 403
        assert (await me.get(f"/v1/{me.report}")).status_code == 200
        assert (await me.get(f"/v1/{me.report}/content")).status_code == 403
        assert (await me.get("/v1/reports")).status_code == 403
        assert (await me.does("accept")).status_code == 403


async def test_five_wrong_answers_close_a_receipt_for_an_hour_whoever_gives_them(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        for _ in range(5):
            assert (await me.sign_in("9999")).json()["code"] == "SECOND_FACTOR_WRONG"
        closed = await me.sign_in(PHONE[-4:])
        assert (closed.status_code, closed.json()["code"]) == (429, "TOO_MANY_REQUESTS")
        assert 3000 < int(closed.headers["retry-after"]) <= 3600
        assert (await me.receipt())["report"] == me.report
        # A year of guessing: each further wrong answer closes it for longer.
        tries, spent = 0, timedelta()
        while spent < timedelta(days=365):
            tries += 1
            spent += closed_for(tries) or timedelta()
        assert tries < 10_000 / 100


async def test_many_wrong_answers_at_once_are_all_counted(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        answers = await asyncio.gather(*(me.sign_in("9999") for _ in range(20)))
        codes = [answer.json()["code"] for answer in answers]
        assert sorted(codes) == ["SECOND_FACTOR_WRONG"] * 5 + ["TOO_MANY_REQUESTS"] * 15


async def test_what_was_withdrawn_is_not_offered_again_and_what_is_over_takes_no_more_words(stack: Stack) -> None:
    async with (
        Reporter(stack) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "handler", "62") as handler,
        Desk(stack, "reviewer", "62") as reviewer,
    ):
        me.takes(await clerk.file(reporter={"phone": PHONE}))
        await duty.does(me.report, "accept")
        case = (await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_HANDLING" and now.get("dueTime")))[
            "case"
        ]
        await me.sign_in(PHONE[-4:])
        assert (await me.does("withdraw")).json()["withdrawTime"]
        await me.receipt(lambda now: "withdraw" not in [each["action"] for each in now["progress"]["actions"]])
        await handler.does(case, "requestClosing", outcome="OUTCOME_WITHDRAWN")
        await reviewer.does(case, "close", approved=True)
        await me.receipt(lambda now: now["progress"]["phase"] == "PHASE_CLOSED")
        assert (await me.does("rate", contentment="CONTENTMENT_CONTENT")).status_code == 200
        assert (await me.does("add", text="还有。")).json()["code"] == "WRONG_STATE"


async def test_a_code_that_is_not_there_and_one_asked_too_often_are_refused_alike(stack: Stack) -> None:
    async with Reporter(stack) as me:
        code = "0000-0000-0000-0000-0"
        answers = [await me.look(code) for _ in range(61)]
        assert {answer.status_code for answer in answers} == {404, 429}
        assert answers[-1].headers["retry-after"]


async def test_without_an_account_nothing_else_is_open(stack: Stack) -> None:
    async with Reporter(stack) as me:
        for path in ("/v1/reports", "/v1/cases", "/v1/worklist", "/v1/clocks/intake"):
            assert (await me.look(f"../..{path}")).status_code in (401, 404)


def test_two_words_are_drawn_from_128_and_either_language_is_right() -> None:
    assert len(set(WORDS)) == len({zh for zh, _ in WORDS}) == len({en for _, en in WORDS}) == 128
    printed = words(b"\x00\x81")
    assert printed == "山 水 / mountain water"
    assert all(is_right(each, printed, "") for each in ("山水", "山 水", "Mountain Water"))
    assert not any(is_right(each, printed, "13800000000") for each in ("山", "水山", "0000", ""))
    assert is_right("0000", "", "+86 138 0000 0000")
    assert not is_right("", "", "")
