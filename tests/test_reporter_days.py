"""Six days of reporters, over REST, with the code of the receipt and its second factor alone, in zh and in en:
each reads the notices that were sent. The day of one who takes everything out and is erased: `test_erased_people.py`.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.test_filing import ELSEWHERE

PHONE = "13800138000"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
NAMED = {"displayName": "来访人", "phone": PHONE}
RECEIVED = {"zh": "已登记：", "en": "Received: "}


def outside(stack: Stack, language: str, day: str) -> Reporter:
    """Return somebody at an address of their own: filing is limited by address."""
    return Reporter(stack, language, f"127.0.{2 + (language == 'en')}.{1 + zlib.crc32(day.encode()) % 250}")


async def notices(me: Reporter, *rules: str) -> list[dict[str, Any]]:
    """Return the notices that one was sent, once they are of these rules; each is worded in the own language."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await me.get(f"/v1/{me.report}/notices")
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["notices"]
            if sorted(each["rule"] for each in found) == sorted(rules):
                assert all(each["text"] and "{" not in each["text"] + each["subject"] for each in found)
                return found
            await asyncio.sleep(0.3)


async def phase(me: Reporter, phase: str) -> dict[str, Any]:
    """Return how far it is, once the receipt says so."""
    shown = await me.receipt(lambda now: now["progress"]["phase"] == f"PHASE_{phase}")
    progress: dict[str, Any] = shown["progress"]
    return progress


@BOTH
async def test_who_stays_unknown_to_all_follows_it_by_the_words_of_the_receipt_and_is_sent_nothing(
    stack: Stack, language: str
) -> None:
    async with outside(stack, language, "unknown") as me, Desk(stack, "duty_officer") as duty:
        filed = await me.file("有人夜里倾倒垃圾。", anonymity="ANONYMITY_ALL")
        assert filed.status_code == 200, filed.text
        zh, en = me.words.split(" / ")
        me.token = ""
        assert (await me.sign_in(en if language == "en" else zh)).status_code == 200
        assert (await me.does("add", text="车牌看不清。")).status_code == 200
        await duty.does(me.report, "accept")
        assert (await phase(me, "HANDLING"))["unitDisplayName"]
        content = await duty.reads(f"/v1/{me.report}/content")
        assert not content.get("reporter")
        assert [each["text"] for each in content["additions"]] == ["车牌看不清。"]
        assert await notices(me) == []


@BOTH
async def test_who_corrects_adds_and_withdraws_is_told_what_comes_of_each(stack: Stack, language: str) -> None:
    async with outside(stack, language, "withdraws") as me, Desk(stack, "duty_officer") as duty:
        await me.file(reporter=NAMED)
        (told,) = await notices(me, "report_received")
        assert told["subject"].startswith(RECEIVED[language])
        assert (await me.does("correct", reporter={"phone": "13900139123"})).status_code == 200
        assert (await me.sign_in(PHONE[-4:])).json()["code"] == "SECOND_FACTOR_WRONG"
        assert (await me.sign_in("9123")).status_code == 200
        assert (await me.does("add", text="今天又漏了。")).status_code == 200
        await duty.does(me.report, "accept")
        await phase(me, "HANDLING")
        assert (await me.does("withdraw")).json()["withdrawTime"]
        shown = await me.receipt(lambda now: "withdraw" not in [each["action"] for each in now["progress"]["actions"]])
        assert shown["progress"]["phase"] == "PHASE_HANDLING", "its unit asks whether it was of their own free will"
        await notices(me, "report_received", "report_accepted")


@BOTH
async def test_who_is_declined_has_somebody_else_look_again_and_is_accepted(stack: Stack, language: str) -> None:
    async with (
        outside(stack, language, "declined") as me,
        Desk(stack, "duty_officer", sub="one") as one,
        Desk(stack, "unit_head", sub="two") as two,
    ):
        await me.file(reporter=NAMED)
        await one.does(me.report, "decline", reason="不属于调解范围", route="ROUTE_COURT")
        assert (await phase(me, "DECLINED"))["otherRoutes"]
        await notices(me, "report_received", "report_declined")
        assert (await me.does("requestReview", text="是邻里纠纷。")).status_code == 200
        assert (await phase(me, "REVIEW"))["dates"]
        await two.does(me.report, "decideReview", upheld=False, reason="属于邻里纠纷")
        await one.does(me.report, "accept")
        await phase(me, "HANDLING")
        told = await notices(me, "report_received", "report_declined", "refusal_set_aside", "report_accepted")
        (why,) = [each["text"] for each in told if each["rule"] == "refusal_set_aside"]
        assert "属于邻里纠纷" in why, "who asked is told what came of it, and why"


@BOTH
async def test_who_lost_the_receipt_gets_another_at_a_counter_and_keeps_what_was_sent(
    stack: Stack, language: str
) -> None:
    async with outside(stack, language, "lost") as me, Desk(stack, "clerk") as clerk:
        await me.file(reporter=NAMED)
        old = me.code
        me.takes(
            await clerk.does(me.report, "reissueReceipt", documentKind="居民身份证", secondFactor="SECOND_FACTOR_PHONE")
        )
        assert (await me.look(old)).status_code == 404
        me.token = ""
        assert (await me.sign_in(PHONE[-4:])).status_code == 200
        await notices(me, "report_received")


@BOTH
async def test_who_reports_for_a_minor_is_told_and_no_guardian_on_the_other_side_is(
    stack: Stack, language: str
) -> None:
    async with (
        outside(stack, language, "minor") as me,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "mediator") as mediator,
    ):
        filed = await me.file(
            "学生说在家里挨打。", reporter={"displayName": "班主任", "phone": PHONE}, danger=True,
            onBehalf={"relation": "RELATION_PROFESSIONAL", "personKnows": True, "displayName": "小明"},
            minor={"ageBand": "AGE_BAND_8_TO_13", "guardianDisplayName": "其父", "guardianIsOtherSide": True},
            parties=[{"role": "PARTY_ROLE_RESPONDENT", "displayName": "其父"}],
        )  # fmt: skip
        assert "12355" in [each["number"] for each in filed.json()["report"]["callNow"]]
        await duty.does(me.report, "accept")
        await phase(me, "HANDLING")
        case = me.report.replace("reports/", "cases/")
        async with asyncio.timeout(PATIENCE):
            while (await mediator.gets(f"/v1/{case}/parties")).status_code == 404:
                await asyncio.sleep(0.2)
        child, father = (await mediator.reads(f"/v1/{case}/parties"))["parties"]
        assert (child["needsSupport"], father["side"]) == (True, "SIDE_RESPONDENT")
        assert (await mediator.reads(f"/v1/{case}/companions"))["companions"] == []
        await notices(me, "report_received", "report_accepted")


@BOTH
async def test_who_works_far_from_home_files_where_they_are(stack: Stack, language: str) -> None:
    async with outside(stack, language, "far") as me, Desk(stack, "duty_officer", ELSEWHERE) as duty:
        filed = await me.file(
            "工地拖欠两个月工资。", unit=f"units/{ELSEWHERE}", category="categories/labour",
            reporter={**NAMED, "postalAddress": "四川省某县某村", "contact": {"language": language}},
            place={"area": ELSEWHERE, "address": "城东工地"},
        )  # fmt: skip
        assert filed.status_code == 200, filed.text
        assert (await me.receipt())["unit"] == f"units/{ELSEWHERE}"
        await duty.does(me.report, "accept")
        assert (await phase(me, "HANDLING"))["unit"] == f"units/{ELSEWHERE}"
        await notices(me, "report_received", "report_accepted")
