"""Filing without an account, over REST and without a token: in Chinese and in English, in any script, for others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.outside import Desk, Reporter

TIBETAN = "ཁྱིམ་མཚེས་ཀྱི་ཁང་པ་ནས་ཆུ་ཟགས་ཏེ་ང་ཚོའི་ཁང་པ་རློན་སོང་།"
UYGHUR = "قوشنامنىڭ ئۆيىدىن سۇ ئېقىپ، تېمىمىز نەملىشىپ كەتتى."
ELSEWHERE = "620321"
"""A county where the reporter is, and does not live."""


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_report_is_filed_without_an_account_and_followed_by_its_receipt(stack: Stack, language: str) -> None:
    async with Reporter(stack, language, "127.0.1.1") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            reporter={"displayName": "来访人"}, wish="修好屋顶", happened="每天夜里", happenTime="2026-01-02T03:04:05Z",
            place={"area": "620102001", "address": "桥头第二家", "location": {"latitude": 36.06, "longitude": 103.83}},
        )  # fmt: skip
        assert filed.status_code == 200, filed.text
        assert filed.json()["report"]["callNow"] == []
        shown = await me.receipt()
        assert (shown["report"], shown["unit"]) == (me.report, f"units/{COUNTY}")
        assert (await me.does("add", text="今天又漏了。")).status_code == 200
        content = await clerk.reads(f"/v1/{me.report}/content")
        assert (content["wish"], content["happened"], content["address"]) == ("修好屋顶", "每天夜里", "桥头第二家")
        assert content["happenTime"].startswith("2026-01-02T")


async def test_such_a_report_is_nobody_s_bulk_and_waits_behind_no_import(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.2") as me:
        await me.file()
        number = me.report.removeprefix("reports/")
    raw = await asyncpg.connect(stack.database_url)
    try:
        rows = await raw.fetch("SELECT kind, actor, bulk FROM intake.events WHERE number = $1", number)
        assert [tuple(row) for row in rows] == [("ReportReceived", "accord-gateway", False)]
        # Nothing by which to reach them: no notice is written to the gateway's own account.
        assert await raw.fetchval("SELECT reachable FROM intake.reports WHERE number = $1", number) is False
    finally:
        await raw.close()


async def test_whoever_wants_to_be_known_to_nobody_is_not_even_with_an_account(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.3") as me, Desk(stack, "clerk") as clerk:
        named = await me.file(anonymity="ANONYMITY_ALL", reporter={"displayName": "来访人"})
        assert (named.status_code, named.json()["errors"][0]["field"]) == (400, "reporter")
        async with Desk(stack, "citizen", sub="li-si") as account:
            filed = await account.tries("reports", "file", **_report(anonymity="ANONYMITY_ALL"))
            assert filed.status_code == 200, filed.text
            hidden = await account.tries("reports", "file", **_report(anonymity="ANONYMITY_OTHER_SIDE"))
        for answer, actor in ((filed, "accord-gateway"), (hidden, "li-si")):
            event = await _first_event(clerk, answer.json()["report"]["case"])
            assert event["actor"] == actor


@pytest.mark.parametrize("text", [TIBETAN, UYGHUR])
async def test_a_report_is_told_in_any_script_and_for_somebody_else(stack: Stack, text: str) -> None:
    async with Reporter(stack, address="127.0.1.4") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            text,
            onBehalf={"relation": "RELATION_PROFESSIONAL", "personKnows": False, "displayName": "扎西"},
            minor={"ageBand": "AGE_BAND_8_TO_13", "guardianIsOtherSide": True},
        )
        assert filed.json()["report"]["forMinor"] is True
        content = await clerk.reads(f"/v1/{me.report}/content")
        assert content["text"] == text
        assert content["onBehalf"]["displayName"] == "扎西"
        assert content["minor"] == {
            "ageBand": "AGE_BAND_8_TO_13", "guardianDisplayName": "", "guardianPhone": "", "guardianIsOtherSide": True,
        }  # fmt: skip


async def test_one_files_where_one_is_with_or_without_an_account_unless_the_door_is_closed(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.5") as me, Desk(stack, "citizen", "11") as visitor:
        assert (await me.file(unit=f"units/{ELSEWHERE}")).status_code == 200
        assert (await visitor.tries("reports", "file", **_report(unit=f"units/{ELSEWHERE}"))).status_code == 200
        closed = await me.file(unit="units/110101")
        assert (closed.status_code, closed.json()["code"]) == (409, "DOOR_CLOSED")
        assert "12345" in closed.json()["detail"]
        assert (await me.post("reports:file", {**_report(), "channel": "CHANNEL_COURT"})).status_code == 400


@pytest.mark.parametrize(("language", "police"), [("zh", "报警"), ("en", "Police")])
async def test_danger_is_answered_with_numbers_to_call_and_that_is_noted(
    stack: Stack, language: str, police: str
) -> None:
    async with Reporter(stack, language, "127.0.1.6") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            "他现在在打孩子。",
            danger=True,
            category="categories/family/violence",
            minor={"ageBand": "AGE_BAND_BELOW_8"},
        )
        lines = filed.json()["report"]["callNow"]
        numbers = [each["number"] for each in lines]
        assert numbers == ["110", "120", "119", "12355", "12338", "12348"]
        assert lines[0]["title"] == police
        event = await _first_event(clerk, filed.json()["report"]["case"])
        assert event["payload"]["numbers_shown"] == numbers
        urgent = await me.file(urgency="URGENCY_URGENT")
        assert [each["number"] for each in urgent.json()["report"]["callNow"]] == ["110", "120", "119", "12348"]


async def test_a_repeat_is_answered_only_to_whoever_holds_the_whole_key(stack: Stack) -> None:
    key = request_id()
    async with Reporter(stack, address="127.0.1.7") as me, Reporter(stack, address="127.0.1.8") as other:
        first = (await me.file(key=key)).json()["report"]
        again = (await me.file(key=key)).json()["report"]
        assert (again["name"], again["receiptCode"]) == (first["name"], first["receiptCode"])
        short = await other.file(key="00000000")
        assert (short.status_code, short.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
        told = await other.file("另一件事。", key=key)
        assert (told.status_code, told.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert first["receiptCode"] not in told.text


async def test_too_many_from_one_address_wait_and_others_do_not(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.9") as me, Reporter(stack, address="127.0.1.10") as other:
        answers = [await me.file() for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await other.file()).status_code == 200


async def test_likely_same_matters_are_told_by_kind_and_month_alone(stack: Stack) -> None:
    text = "小区门口的路灯坏了三个星期，晚上看不见路，老人摔倒过两次。"
    asked = {"text": text, "unit": f"units/{ELSEWHERE}", "category": "categories/municipal"}
    async with Reporter(stack, address="127.0.1.11") as me:
        assert (await me.post("reports:findSimilar", asked)).json() == {"matters": []}
        await me.file(text, unit=f"units/{ELSEWHERE}", category="categories/municipal")
        found = (await me.post("reports:findSimilar", asked)).json()
        month = datetime.now(UTC).strftime("%Y-%m")
        assert found == {"matters": [{"category": "categories/municipal", "month": month}]}
        other = {**asked, "text": "楼下饭店油烟太大，开不了窗。"}
        assert (await me.post("reports:findSimilar", other)).json() == {"matters": []}
        # Of private matters nothing is said, not even to whoever knows the whole text.
        private = {"unit": f"units/{ELSEWHERE}", "category": "categories/family/violence"}
        await me.file(text, **private)
        assert (await me.post("reports:findSimilar", {"text": text, **private})).json() == {"matters": []}


async def _first_event(clerk: Desk, case: str) -> dict[str, Any]:
    (event,) = (await clerk.reads(f"/v1/feeds/intake/events?case={case}"))["events"]
    found: dict[str, Any] = event
    return found


def _report(**fields: object) -> dict[str, object]:
    return {
        "channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": "楼上漏水。",
        **fields,
    }  # fmt: skip
