"""The desk's day with a report: corrected, by the token of a clerk or a duty officer alone, over REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
PHONE = "13800138000"
LETTER = {"channel": "CHANNEL_LETTER", "reporter": {"displayName": "来信人", "phone": PHONE}}


def ago(days: float) -> str:
    """Return an instant so many days ago, as REST has it."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def told(desk: Desk, report: str) -> list[dict[str, Any]]:
    """Return the events of a report as intake tells them, oldest first."""
    case = report.replace("reports/", "cases/")
    return list((await desk.reads(f"/v1/feeds/intake/events?case={case}&pageSize=100"))["events"])


async def until(what: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
    """Return an answer once it fits."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await what()
            if fits(found):
                return found
            await asyncio.sleep(0.5)


@BOTH
async def test_a_letter_that_lay_in_the_inbox_counts_from_its_true_day_and_the_slip_says_so(
    stack: Stack, language: str
) -> None:
    async with Reporter(stack, language) as me, Desk(stack, "clerk", language=language) as clerk:
        me.takes(await clerk.file(**LETTER))
        (before,) = (await me.receipt())["progress"]["dates"]
        amended = await clerk.does(me.report, "amend", receiveTime=ago(20), reason="信封上的邮戳")
        assert amended["overdue"]
        shown = await me.receipt(lambda now: now["progress"]["dates"][0].get("overdue", False))
        (after,) = shown["progress"]["dates"]
        assert after["dueTime"] < before["dueTime"]
        events = await until(
            lambda: told(clerk, me.report), lambda found: any(each["type"] == "ClockOverdue" for each in found)
        )
        (event,) = [each for each in events if each["type"] == "ReportAmended"]
        assert (event["payload"]["reason"], event["payload"]["fields"]) == ("信封上的邮戳", ["receive_time"])
        assert event["payload"]["received_before"] > event["payload"]["received_at"]

        # The postmark was read wrongly: what was no breach is none.
        back = await clerk.does(me.report, "amend", receiveTime=ago(0.001), reason="看错了邮戳")
        assert not back.get("overdue")
        assert "ClockBreachWithdrawn" in [each["type"] for each in await told(clerk, me.report)]
        shown = await me.receipt(lambda now: not now["progress"]["dates"][0].get("overdue", False))
        assert [each["dueTime"] for each in shown["progress"]["dates"]] == [before["dueTime"]]


async def test_after_acceptance_the_met_limit_is_derived_anew_and_its_breach_told(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        report = await clerk.file(**LETTER)
        await duty.does(report["name"], "accept")
        amended = await duty.does(report["name"], "amend", receiveTime=ago(30), reason="收发室登记簿")
        assert (amended["state"], amended["overdue"]) == ("REPORT_STATE_ACCEPTED", True)
        kinds = [each["type"] for each in await told(clerk, report["name"])]
        assert kinds.index("ClockOverdue") > kinds.index("ReportAmended")
        shown = await until(
            lambda: clerk.gets(f"/v1/{report['case']}"),
            lambda answer: answer.status_code == 200 and answer.json()["receiveTime"] == amended["receiveTime"],
        )
        assert shown.json()["stage"] == "STAGE_HANDLING"
        await duty.does(report["name"], "amend", receiveTime=ago(0.001), reason="登记簿有误")
        assert not (await clerk.reads(f"/v1/{report['name']}")).get("overdue")
        assert "ClockBreachWithdrawn" in [each["type"] for each in await told(clerk, report["name"])]


async def test_a_case_follows_what_the_desk_corrects(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        report = await clerk.file(peopleAffected=12, **LETTER)
        await duty.does(report["name"], "accept")
        case = (
            await until(lambda: clerk.gets(f"/v1/{report['case']}"), lambda answer: answer.status_code == 200)
        ).json()
        amended = await clerk.does(
            report["name"], "amend", category="categories/family/violence", reporter={"phone": "13900139123"},
            reason="当面说明",
        )  # fmt: skip
        assert amended["category"] == "categories/family/violence"
        assert amended["triage"]["inputs"]["category"] == "family/violence"
        content = await clerk.reads(f"/v1/{report['name']}/content")
        assert (content["reporter"]["displayName"], content["reporter"]["phone"]) == ("来信人", "13900139123")
        shown = await until(
            lambda: clerk.reads(f"/v1/{case['name']}"),
            lambda now: now["category"] == amended["category"] and now["grade"] == amended["triage"]["grade"],
        )
        if shown["grade"] != case["grade"]:
            assert shown["dueTime"] != case["dueTime"]
        events = [each for each in await told(clerk, report["name"]) if each["type"] == "ReportAmended"]
        assert events[0]["payload"]["fields"] == ["reporter", "category"]
        assert "13900139123" not in str(events)


@BOTH
@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"receiveTime": ago(-1)}, "RECEIVED_AFTER_RECORDED", "receiveTime"),
        ({"receiveTime": ago(400)}, "BACKDATED_TOO_FAR", "receiveTime"),
        ({"category": "categories/no-such"}, "UNKNOWN_CATEGORY", "category"),
        ({"category": "categories/neighbour"}, "NOTHING_TO_CHANGE", "category"),
        ({"reporter": {"phone": PHONE}}, "NOTHING_TO_CHANGE", "category"),
    ],
)
async def test_a_correction_that_cannot_be_is_refused_by_its_field(
    stack: Stack, fields: dict[str, Any], code: str, field: str, language: str
) -> None:
    async with Desk(stack, "clerk", language=language) as clerk:
        report = await clerk.file(**LETTER)
        answer = await clerk.tries(report["name"], "amend", reason="更正", **fields)
        problem = answer.json()
        assert (problem["code"], problem["errors"][0]["field"]) == (code, field)
        assert answer.status_code in (400, 409)
        assert problem["detail"].isascii() is (language == "en")


async def test_what_is_recorded_when_it_comes_has_no_other_day(stack: Stack) -> None:
    async with Desk(stack, "clerk") as clerk:
        report = await clerk.file()
        answer = await clerk.tries(report["name"], "amend", receiveTime=ago(1), reason="更正")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "receiveTime")
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk:
        assert (await me.file(anonymity="ANONYMITY_ALL", key="k" * 40)).status_code == 200
        answer = await clerk.tries(me.report, "amend", reporter={"phone": PHONE}, reason="更正")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "reporter")


async def test_only_the_desk_that_has_it_corrects_once_and_not_what_is_over(stack: Stack) -> None:
    async with (
        Desk(stack, "clerk") as clerk,
        Desk(stack, "clerk", "620103") as next_door,
        Desk(stack, "supervisor") as above,
        Desk(stack, "duty_officer") as duty,
    ):
        report = await clerk.file(**LETTER)
        change = {"category": "categories/family", "reason": "更正"}
        assert (await next_door.tries(report["name"], "amend", **change)).status_code == 403
        assert (await above.tries(report["name"], "amend", **change)).status_code == 403
        answers = await asyncio.gather(
            *(desk.tries(report["name"], "amend", etag=report["etag"], **change) for desk in (clerk, duty))
        )
        assert sorted(each.status_code for each in answers) == [200, 412]
        await duty.does(report["name"], "decline", reason="不属于调解范围", route="ROUTE_COURT")
        over = await clerk.tries(report["name"], "amend", category="categories/neighbour", reason="更正")
        assert over.json()["code"] == "WRONG_STATE"


@BOTH
@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ({"destinationUnit": "units/620102-labour"}, ("城关区", "城关区")),
        ({"destination": "市仲裁委员会立案窗口"}, ("市仲裁委员会立案窗口", "市仲裁委员会立案窗口")),
        ({"destinationCode": "labour_arbitration"}, ("劳动人事争议仲裁委员会", "labour arbitration commission")),
        ({}, ("劳动人事争议仲裁委员会", "labour arbitration commission")),
    ],
)
async def test_whoever_is_declined_reads_why_to_whom_to_turn_and_how_to_object(
    stack: Stack, named: dict[str, str], shown: tuple[str, str], language: str
) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "unit_head") as head,
    ):
        me.takes(await clerk.file(category="categories/labour/wage-arrears", reporter={"phone": PHONE}))
        why = "欠薪争议须先仲裁，我们不能代替仲裁。"
        declined = {"reason": "须先仲裁", "route": "ROUTE_ARBITRATION", "explanation": why, **named}
        await duty.does(me.report, "decline", **declined)
        refusal = (await me.receipt(lambda now: now["state"] == "REPORT_STATE_DECLINED"))["progress"]["refusal"]
        assert refusal["explanation"] == why
        assert shown[language == "en"] in refusal["destination"]
        assert ("城关区" in refusal["objection"], "12345" in refusal["objection"]) == (True, True)
        assert (bool(refusal.get("destinationPhone"))) is ("destinationUnit" in named)
        assert why not in str(await told(clerk, me.report)), "what is said about a matter is sealed"

        # It is objected to as the slip says; once that was decided, it says so no more.
        await me.sign_in(PHONE[-4:])
        assert (await me.does("requestReview", text="仲裁已过。")).status_code == 200
        await head.does(me.report, "decideReview", upheld=True, reason="应先申请仲裁")
        after = await me.receipt(lambda now: now["progress"]["reason"] == "应先申请仲裁")
        assert not after["progress"]["refusal"].get("objection")
        assert shown[language == "en"] in after["progress"]["refusal"]["destination"]


@BOTH
async def test_a_destination_is_one_and_exists(stack: Stack, language: str) -> None:
    async with Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer", language=language) as duty:
        report = await clerk.file(category="categories/labour/wage-arrears")
        for named, field in (
            ({"destinationCode": "no_such"}, "destinationCode"),
            ({"destinationUnit": "units/999999"}, "destinationUnit"),
            ({"destinationUnit": "units/620102-labour", "destination": "仲裁委"}, "destination"),
        ):
            answer = await duty.tries(report["name"], "decline", reason="须先仲裁", route="ROUTE_ARBITRATION", **named)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
        assert (await clerk.reads(f"/v1/{report['name']}"))["state"] == "REPORT_STATE_RECEIVED"
