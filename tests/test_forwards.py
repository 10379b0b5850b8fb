"""The wrong door: a report goes with its papers to another unit before acceptance, over REST, by its own tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.people_of_case import execute
from tests.test_desk import ago

BESIDE, TOWN, CITY = "620103", "620102001", "6201"
PHONE = "13800138000"
WHY = "漏水的楼在七里河区，不在我区。"
BOTH = pytest.mark.parametrize("language", ["zh", "en"])


class Desks:
    """The desks of two counties and of the city above both."""

    def __init__(self, stack: Stack, language: str, open_: AsyncExitStack) -> None:
        self._stack, self._language, self._open = stack, language, open_

    async def desk(self, role: str, unit: str = COUNTY) -> Desk:
        return await self._open.enter_async_context(Desk(self._stack, role, unit, language=self._language))


@pytest.fixture
async def desks(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Desks]:
    language = getattr(request, "param", "zh")
    async with AsyncExitStack() as open_:
        yield Desks(stack, language, open_)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def kinds(desk: Desk, report: str) -> list[str]:
    case = report.replace("reports/", "cases/")
    told = await desk.reads(f"/v1/feeds/intake/events?case={case}&pageSize=100")
    return [each["type"] for each in told["events"]]


async def waiting(desk: Desk) -> list[str]:
    found = await desk.reads("/v1/reports/-/forwards?waiting=true&pageSize=1000")
    return [each["name"].partition("/forwards/")[0] for each in found.get("forwards", [])]


async def sent_back(desk: Desk, other: Desk, report: str, to: str = BESIDE) -> dict[str, Any]:
    await desk.does(report, "forward", unit=f"units/{to}", reason=WHY)
    return await other.does(report, "sendBack", reason="楼在界线这边。")


@BOTH
async def test_a_report_at_the_wrong_door_goes_on_with_its_papers_and_the_slip_says_who_has_it(
    stack: Stack, language: str
) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
        Desk(stack, "duty_officer", BESIDE, language=language) as other,
    ):
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE}))
        before = await me.receipt()
        assert (await other.gets(f"/v1/{me.report}/content")).status_code == 403
        made = await duty.does(me.report, "forward", unit=f"units/{BESIDE}", reason=WHY)
        assert (made["state"], made["unit"], made["askedUnit"]) == (
            "FORWARD_STATE_ASKED", f"units/{COUNTY}", f"units/{BESIDE}"
        )  # fmt: skip

        # Honestly on the slip: another unit was asked, and who answers until then.
        asked = await me.receipt(lambda now: now["nextStep"] != before["nextStep"])
        assert ("another unit was asked" if language == "en" else "已转请") in asked["nextStep"]
        assert (asked["unit"], asked["dueTime"]) == (f"units/{COUNTY}", before["dueTime"])

        # The other unit finds it, reads it with its reason, and takes it over.
        assert me.report in await waiting(other)
        assert (await other.reads(f"/v1/{made['name']}"))["reason"] == WHY
        content = await other.reads(f"/v1/{me.report}/content")
        assert content["reporter"]["phone"] == PHONE
        assert (await other.gets(f"/v1/{me.report}/photos")).status_code == 200
        taken = await other.does(me.report, "takeOver")
        assert taken["state"] == "FORWARD_STATE_TAKEN_OVER"

        # By the same deadline; the first unit reads it no more, and the reporter is told.
        shown = await me.receipt(lambda now: now["unit"] == f"units/{BESIDE}")
        assert (shown["dueTime"], shown["nextStep"]) == (before["dueTime"], before["nextStep"])
        assert shown["progress"]["phone"]
        assert (await duty.gets(f"/v1/{me.report}/content")).status_code == 403
        case = me.report.replace("reports/", "cases/")
        (clock,) = (await other.reads(f"/v1/clocks/intake?case={case}"))["clocks"]
        assert clock["unit"] == f"units/{BESIDE}"
        await me.sign_in(PHONE[-4:])
        async with asyncio.timeout(PATIENCE):
            while "report_taken_over" not in (await me.get(f"/v1/{me.report}/notices")).text:
                await asyncio.sleep(0.5)
        accepted = await other.does(me.report, "accept")
        assert accepted["unit"] == f"units/{BESIDE}"


async def test_sent_back_it_stays_where_it_was_and_the_other_unit_reads_it_no_more(desks: Desks) -> None:
    clerk, other = await desks.desk("clerk"), await desks.desk("duty_officer", BESIDE)
    head = await desks.desk("unit_head")
    report = (await clerk.file())["name"]
    ended = await sent_back(clerk, other, report)
    assert ended["state"] == "FORWARD_STATE_SENT_BACK"
    assert (await other.gets(f"/v1/{report}/content")).status_code == 403
    assert (await other.gets(f"/v1/{report}")).status_code == 403
    assert not (await other.reads(f"/v1/{ended['name']}")).get("reason")
    read = await head.reads(f"/v1/{ended['name']}")
    assert (read["reason"], read["sendBackReason"]) == (WHY, "楼在界线这边。")
    events = await clerk.reads(f"/v1/feeds/intake/events?case={report.replace('reports/', 'cases/')}&pageSize=100")
    assert WHY not in str(events), "reasons are sealed"
    assert report not in await waiting(other)
    await head.does(report, "accept")


@BOTH
async def test_sent_back_twice_the_unit_above_both_decides_by_its_clock(stack: Stack, language: str) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
        Desk(stack, "unit_head", BESIDE, language=language) as other,
        Desk(stack, "supervisor", CITY, language=language) as city,
        Desk(stack, "supervisor", "6202", language=language) as city_beside,
    ):
        me.takes(await clerk.file())
        report = me.report
        assert (await city.gets(f"/v1/{report}/content")).status_code == 403
        await sent_back(duty, other, report)
        again = await sent_back(duty, other, report)
        assert (again["state"], again["umpireUnit"]) == ("FORWARD_STATE_REFERRED", f"units/{CITY}")
        assert again["decideUntilTime"]
        words = await me.receipt(lambda now: ("the unit above decides" in now["nextStep"]) or "上级" in now["nextStep"])
        assert [each["title"] for each in words["progress"]["dates"]], "the reporter sees the date that was promised"
        assert len(words["progress"]["dates"]) == 1

        # Both units are heard and neither decides; the city reads it while it decides.
        assert report in await waiting(city)
        assert code(await duty.tries(report, "accept")) == (409, "FORWARD_OPEN")
        assert (await other.tries(report, "decideForward", unit=f"units/{COUNTY}", decision="归你")).status_code == 403
        assert (
            await city_beside.tries(report, "decideForward", unit=f"units/{BESIDE}", decision="归他")
        ).status_code == 403
        assert (await city.gets(f"/v1/{report}/content")).status_code == 200
        foreign = await city.tries(report, "decideForward", unit="units/6202", decision="归他")
        assert foreign.status_code == 403
        decided = await city.does(report, "decideForward", unit=f"units/{BESIDE}", decision="以楼栋所在地为准。")
        assert (decided["state"], decided["rightUnit"]) == ("FORWARD_STATE_DECIDED", f"units/{BESIDE}")
        assert (await city.gets(f"/v1/{report}/content")).status_code == 403
        told = await kinds(other, report)
        assert told.index("ForwardDecided") < told.index("ReportTakenOver")
        refused = await other.tries(report, "forward", unit=f"units/{COUNTY}", reason="还是你们的。")
        assert code(refused) == (409, "DECIDED_ABOVE")
        assert refused.json()["detail"].isascii() is (language == "en")
        await other.does(report, "accept")


async def test_the_umpire_leaves_it_where_it_is_or_is_not_needed(desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    city = await desks.desk("unit_head", CITY)
    report = (await duty.file())["name"]
    for _ in range(2):
        await sent_back(duty, other, report)
    stays = await city.does(report, "decideForward", unit=f"units/{COUNTY}", decision="首接负责。")
    assert stays["rightUnit"] == f"units/{COUNTY}"
    assert "ReportTakenOver" not in await kinds(duty, report)
    await duty.does(report, "accept")

    kept = (await duty.file())["name"]
    for _ in range(2):
        await sent_back(duty, other, kept)
    recalled = await duty.does(kept, "recall")
    assert recalled["state"] == "FORWARD_STATE_RECALLED"
    late = await city.tries(kept, "decideForward", unit=f"units/{BESIDE}", decision="归他。")
    assert code(late) == (409, "WRONG_STATE")
    await duty.does(kept, "accept")


async def test_without_a_unit_above_both_it_is_sent_back_twice_and_no_more(desks: Desks) -> None:
    duty, far = await desks.desk("duty_officer"), await desks.desk("duty_officer", "110101")
    report = (await duty.file())["name"]
    for _ in range(2):
        assert (await sent_back(duty, far, report, "110101"))["state"] == "FORWARD_STATE_SENT_BACK"
    third = await duty.tries(report, "forward", unit="units/110101", reason=WHY)
    assert code(third) == (409, "SENT_BACK_TWICE")


@BOTH
async def test_a_forward_that_cannot_be_is_refused_with_what_to_do(stack: Stack, language: str) -> None:
    async with (
        Desk(stack, "duty_officer", language=language) as duty,
        Desk(stack, "duty_officer", BESIDE, language=language) as other,
        Desk(stack, "duty_officer", "620104", language=language) as third,
        Desk(stack, "duty_officer", CITY, language=language) as city,
    ):
        report = (await duty.file())["name"]
        for unit, status, reason in (
            (COUNTY, 400, "INVALID_FIELD"), ("620199", 400, "UNKNOWN_UNIT"), ("999999", 400, "UNKNOWN_UNIT")
        ):  # fmt: skip
            answer = await duty.tries(report, "forward", unit=f"units/{unit}", reason=WHY)
            assert (code(answer), answer.json()["errors"][0]["field"]) == ((status, reason), "unit"), unit
        empty = await duty.tries(report, "forward", unit=f"units/{BESIDE}", reason="")
        assert (empty.status_code, empty.json()["errors"][0]["field"]) == (400, "reason")
        assert (await other.tries(report, "forward", unit=f"units/{BESIDE}", reason=WHY)).status_code == 403
        for verb, more in (("takeOver", {}), ("sendBack", {"reason": "不"}), ("recall", {})):
            refused = await duty.tries(report, verb, **more)
            assert code(refused) == (409, "NOT_FORWARDED"), verb
            assert refused.json()["detail"].isascii() is (language == "en")
            assert (await third.tries(report, verb, **more)).status_code == 403, verb
        await duty.does(report, "forward", unit=f"units/{BESIDE}", reason=WHY)
        assert code(await duty.tries(report, "forward", unit="units/620104", reason=WHY)) == (409, "FORWARD_OPEN")
        for verb, more in (("accept", {}), ("decline", {"reason": "不", "route": "ROUTE_COURT"})):
            assert code(await duty.tries(report, verb, **more)) == (409, "FORWARD_OPEN"), verb
        for verb, more in (("takeOver", {}), ("sendBack", {"reason": "不"})):
            assert (await third.tries(report, verb, **more)).status_code == 403, verb
            assert (await duty.tries(report, verb, **more)).status_code == 403, verb
        assert (await other.tries(report, "recall")).status_code == 403
        assert (await other.tries(report, "accept")).status_code == 403
        assert (await third.gets(f"/v1/{report}/content")).status_code == 403
        assert (await third.gets(f"/v1/{report}/forwards/1")).status_code == 403
        assert report not in str(await third.reads("/v1/reports/-/forwards?pageSize=1000"))
        # Whoever may speak for both units does not answer themselves.
        both = (await city.file())["name"]
        await city.does(both, "forward", unit=f"units/{BESIDE}", reason=WHY)
        assert code(await city.tries(both, "takeOver")) == (409, "SAME_PERSON")


async def test_a_complaint_is_not_forwarded_to_the_unit_it_is_about_nor_below_it(desks: Desks) -> None:
    duty, town = await desks.desk("duty_officer"), await desks.desk("duty_officer", TOWN)
    report = await duty.file(aboutUnit=f"units/{TOWN}")
    refused = await duty.tries(report["name"], "forward", unit=f"units/{TOWN}", reason=WHY)
    assert code(refused) == (409, "COMPLAINED_OF")
    village = await duty.tries(report["name"], "forward", unit=f"units/{TOWN}001", reason=WHY)
    assert code(village) == (409, "COMPLAINED_OF")
    assert (await town.gets(f"/v1/{report['name']}")).status_code == 403


async def test_forwards_are_read_by_their_units_and_by_no_unit_complained_of(stack: Stack, desks: Desks) -> None:
    clerk, other = await desks.desk("clerk"), await desks.desk("duty_officer", BESIDE)
    stranger = await desks.desk("duty_officer", "620104")
    report = (await clerk.file())["name"]
    made = await clerk.does(report, "forward", unit=f"units/{BESIDE}", reason=WHY)
    for path in (f"/v1/{made['name']}", f"/v1/{report}/forwards"):
        assert (await stranger.gets(path)).status_code == 403, path
        assert (await other.gets(path)).status_code == 200, path
    # Whatever a forward says, a complaint is never shown to whom it is about.
    query = "UPDATE intake.reports SET about = $2 WHERE number = $1"
    await execute(stack, query, report.removeprefix("reports/"), BESIDE)
    for path in (f"/v1/{made['name']}", f"/v1/{report}/forwards", f"/v1/{report}", f"/v1/{report}/content"):
        assert (await other.gets(path)).status_code == 403, path
    assert report not in await waiting(other)
    assert (await other.tries(report, "takeOver")).status_code == 403
    assert (await other.tries(report, "sendBack", reason="与我区无关。")).status_code == 403
    assert (await clerk.gets(f"/v1/{made['name']}")).status_code == 200


async def test_of_a_recall_and_a_taking_over_at_once_one_counts(desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    for _ in range(3):
        report = (await duty.file())["name"]
        await duty.does(report, "forward", unit=f"units/{BESIDE}", reason=WHY)
        answers = await asyncio.gather(
            duty.tries(report, "recall"), other.tries(report, "takeOver"), other.tries(report, "sendBack", reason="不")
        )
        done = [each.json()["state"] for each in answers if each.status_code == 200]
        assert len(done) == 1, [each.text for each in answers]
        # Whoever lost the report may do nothing with it any more.
        assert all(each.status_code in (200, 403, 409) for each in answers)
        mine = await duty.gets(f"/v1/{report}")
        assert (mine.status_code == 403) is (done == ["FORWARD_STATE_TAKEN_OVER"])
    at_once = await desks.desk("clerk")
    report = (await duty.file())["name"]
    forwards = await asyncio.gather(
        *(desk.tries(report, "forward", unit=f"units/{BESIDE}", reason=WHY) for desk in (duty, at_once))
    )
    assert sorted(each.status_code for each in forwards) == [200, 409]


async def test_what_is_decided_or_merged_is_forwarded_no_more_and_a_withdrawal_ends_the_asking(
    desks: Desks, stack: Stack
) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    accepted = (await duty.file())["name"]
    await duty.does(accepted, "accept")
    late = await duty.tries(accepted, "forward", unit=f"units/{BESIDE}", reason=WHY)
    assert code(late) == (409, "WRONG_STATE")

    # Merged reports go with the one they were merged into, and are not forwarded on their own.
    merged, target = (await duty.file())["name"], (await duty.file())["name"]
    await duty.does(merged, "merge", target=target, reason="同一事项")
    assert code(await duty.tries(merged, "forward", unit=f"units/{BESIDE}", reason=WHY)) == (409, "WRONG_STATE")
    await duty.does(target, "forward", unit=f"units/{BESIDE}", reason=WHY)
    assert code(await duty.tries(target, "merge", target=(await duty.file())["name"], reason="同一事项")) == (
        409, "FORWARD_OPEN",
    )  # fmt: skip
    assert (await other.gets(f"/v1/{merged}/content")).status_code == 200
    await other.does(target, "takeOver")
    assert (await other.reads(f"/v1/{merged}"))["unit"] == f"units/{BESIDE}"
    assert "ReportTakenOver" in await kinds(other, merged)
    back = await other.does(merged, "unmerge", reason="另一事项")
    assert (back["unit"], back["state"]) == (f"units/{COUNTY}", "REPORT_STATE_RECEIVED")

    async with Reporter(stack) as me:
        me.takes(await duty.file(reporter={"phone": PHONE}))
        made = await duty.does(me.report, "forward", unit=f"units/{BESIDE}", reason=WHY)
        await me.sign_in(PHONE[-4:])
        # The holder of the code does nothing with forwards, and reads none.
        assert (await me.does("takeOver")).status_code == 403
        assert (await me.does("recall")).status_code == 403
        assert (await me.get(f"/v1/{made['name']}")).status_code == 403
        assert (await me.does("withdraw")).status_code == 200
        assert code(await other.tries(me.report, "takeOver")) == (409, "WRONG_STATE")
        assert (await duty.reads(f"/v1/{made['name']}"))["state"] == "FORWARD_STATE_LAPSED"
        assert (await other.gets(f"/v1/{me.report}/content")).status_code == 403


async def test_a_deadline_that_passed_before_is_the_first_units_and_none_is_moved(desks: Desks) -> None:
    clerk, duty = await desks.desk("clerk"), await desks.desk("duty_officer")
    other = await desks.desk("duty_officer", BESIDE)
    report = (await clerk.file(channel="CHANNEL_LETTER"))["name"]
    await duty.does(report, "forward", unit=f"units/{BESIDE}", reason=WHY)
    late = await clerk.does(report, "amend", receiveTime=ago(30), reason="邮戳")
    assert late["overdue"]
    await other.does(report, "takeOver")
    assert (await other.reads(f"/v1/{report}"))["dueTime"] == late["dueTime"]
    case = report.replace("reports/", "cases/")
    told = (await other.reads(f"/v1/feeds/intake/events?case={case}&pageSize=100"))["events"]
    missed = [(each["payload"]["rung"], each["payload"]["unit"]) for each in told if each["type"] == "ClockOverdue"]
    assert {unit for _, unit in missed} == {f"units/{COUNTY}"}, "told to whom it was"
    assert len(missed) == len(dict(missed)), "once each"
