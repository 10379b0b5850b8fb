"""Two counties have one matter: one proposes to merge its report into the other's, which says yes or no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from pb.clock.v1 import clock_pb2

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.people_of_case import execute
from tests.still import standing_still
from tests.still_door import door_of
from tests.test_forwards import BESIDE, BOTH, CITY, PHONE, TOWN, Desks, code, kinds, waiting
from tests.test_intake import told_of_its_end

THIRD = "620104"
WHY, WHY_NOT = "来访人在贵中心登记过同一处漏水。", "是另一栋楼。"


@pytest.fixture
async def desks(stack: Stack) -> AsyncIterator[Desks]:
    """Return the desks of the counties."""
    async with AsyncExitStack() as open_:
        yield Desks(stack, "zh", open_)


async def propose(desk: Desk, report: str, there: str, to: str = BESIDE) -> dict[str, Any]:
    return await desk.does(report, "forward", unit=f"units/{to}", reason=WHY, target=there)


async def filed(desk: Desk, unit: str = COUNTY, **fields: Any) -> str:
    return str((await desk.file(unit=f"units/{unit}", **fields))["name"])


@BOTH
async def test_what_two_counties_have_is_merged_by_consent_and_both_are_told(stack: Stack, language: str) -> None:
    async with (
        Reporter(stack, language) as me,
        Desk(stack, "clerk", language=language) as clerk,
        Desk(stack, "duty_officer", language=language) as duty,
        Desk(stack, "duty_officer", BESIDE, language=language) as other,
    ):
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": PHONE}))
        there, before = await filed(other, BESIDE), await me.receipt()
        made = await propose(duty, me.report, there)
        assert (made["state"], made["target"], made["askedUnit"]) == ("FORWARD_STATE_ASKED", there, f"units/{BESIDE}")
        assert made["answerUntilTime"]

        # Nothing of the other report is shown here; the slip says honestly who answers until then.
        for path in (f"/v1/{there}", f"/v1/{there}/content", f"/v1/{me.report}:compare?other={there}"):
            assert (await duty.gets(path)).status_code == 403, path
        asked = await me.receipt(lambda now: now["nextStep"] != before["nextStep"])
        assert ("proposed to handle both together" if language == "en" else "已提议并案") in asked["nextStep"]
        assert (asked["unit"], asked["dueTime"]) == (f"units/{COUNTY}", before["dueTime"])

        # There it is found, with its reason, and read beside the own one.
        assert me.report in await waiting(other)
        assert (await other.reads(f"/v1/{made['name']}"))["reason"] == WHY
        beside = await other.reads(f"/v1/{me.report}:compare?other={there}")
        assert (beside["one"]["readable"], beside["other"]["readable"]) == (True, True)
        assert (await other.does(me.report, "takeOver"))["state"] == "FORWARD_STATE_TAKEN_OVER"

        # Told on both, from both sides, and to the reporter; no clock of the merged one is left.
        merged = await other.reads(f"/v1/{me.report}")
        assert (merged["state"], merged["mergedInto"], merged["unit"]) == (
            "REPORT_STATE_MERGED", there, f"units/{BESIDE}"
        )  # fmt: skip
        assert ("ReportMerged" in await kinds(other, me.report), "MergeReceived" in await kinds(other, there)) == (
            True, True,
        )  # fmt: skip
        for desk in (duty, other):
            (told,) = (await desk.reads(f"/v1/{me.report}/forwards"))["forwards"]
            assert (told["state"], told["target"]) == ("FORWARD_STATE_TAKEN_OVER", there)
        for report, incoming in ((there, True), (me.report, False)):
            (linked,) = (await other.reads(f"/v1/{report}/links"))["links"]
            assert (linked["kind"], linked["merged"], linked["incoming"]) == ("LINK_KIND_DUPLICATE", True, incoming)
        shown = await me.receipt(lambda now: now["unit"] == f"units/{BESIDE}")
        assert shown["progress"]["phone"]
        await me.sign_in(PHONE[-4:])
        async with asyncio.timeout(PATIENCE):
            while "report_merged" not in (await me.get(f"/v1/{me.report}/notices")).text:
                await asyncio.sleep(0.5)
        case = me.report.replace("reports/", "cases/")
        assert (await other.reads(f"/v1/clocks/intake?case={case}&running=true")).get("clocks", []) == []
        assert (await duty.gets(f"/v1/{me.report}/content")).status_code == 403
        assert (await other.gets(f"/v1/{me.report}/content")).status_code == 200


@pytest.mark.parametrize("first", [True, False], ids=["who proposed it", "who agreed to it"])
async def test_either_unit_separates_what_was_merged_by_consent_and_it_is_as_before(first: bool, desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    third = await desks.desk("duty_officer", THIRD)
    report, follower, there = await filed(duty), await filed(duty), await filed(other, BESIDE)
    before = await duty.reads(f"/v1/{report}")
    await duty.does(follower, "merge", target=report, reason="同一事项")
    made = await propose(duty, report, there)
    await other.does(report, "takeOver")
    assert (await other.reads(f"/v1/{follower}"))["mergedInto"] == there
    await other.does(there, "accept")
    assert (await third.tries(report, "unmerge", reason="另一事项")).status_code == 403
    by, late = (duty, other) if first else (other, duty)
    back = await by.does(report, "unmerge", reason="另一事项")
    assert (back["unit"], back["state"], back["dueTime"]) == (
        f"units/{COUNTY}", "REPORT_STATE_RECEIVED", before["dueTime"]
    )  # fmt: skip
    # Once: the second one finds it separated, or no longer its own.
    again = await late.tries(report, "unmerge", reason="另一事项")
    assert code(again) == ((403, "PERMISSION_DENIED") if first else (409, "WRONG_STATE"))
    followed = await duty.reads(f"/v1/{follower}")
    assert (followed["mergedInto"], followed["unit"]) == (report, f"units/{COUNTY}")
    assert (await other.gets(f"/v1/{report}/content")).status_code == 403
    for desk in (duty, other):
        assert (await desk.reads(f"/v1/{made['name']}"))["state"] == "FORWARD_STATE_UNDONE"
    assert "MergeUndone" in await kinds(other, there)
    (clock,) = (await duty.reads(f"/v1/clocks/intake?case={before['case']}&running=true"))["clocks"]
    assert clock["unit"] == f"units/{COUNTY}"
    await duty.does(report, "accept")


async def test_a_no_has_its_reason_and_is_not_asked_again_nor_counted_as_sent_back(desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    report, there, elsewhere = await filed(duty), await filed(other, BESIDE), await filed(other, BESIDE)
    made = await propose(duty, report, there)
    no = await other.does(report, "sendBack", reason=WHY_NOT)
    assert no["state"] == "FORWARD_STATE_SENT_BACK"
    assert (await duty.reads(f"/v1/{made['name']}"))["sendBackReason"] == WHY_NOT
    assert (await other.gets(f"/v1/{report}/content")).status_code == 403
    again = await duty.tries(report, "forward", unit=f"units/{BESIDE}", reason=WHY, target=there)
    assert code(again) == (409, "MERGE_REFUSED")
    await propose(duty, report, elsewhere)
    await other.does(report, "sendBack", reason=WHY_NOT)
    # Two refusals to merge are none to take it over: nobody above decides yet.
    await duty.does(report, "forward", unit=f"units/{BESIDE}", reason=WHY)
    assert (await other.does(report, "sendBack", reason=WHY_NOT))["state"] == "FORWARD_STATE_SENT_BACK"
    events = await duty.reads(f"/v1/feeds/intake/events?case={report.replace('reports/', 'cases/')}&pageSize=100")
    assert not [each for each in (WHY, WHY_NOT) if each in str(events)], "reasons are sealed"
    await duty.does(report, "accept")


async def test_nothing_is_learnt_and_nothing_done_by_who_is_not_asked(desks: Desks, stack: Stack) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    third, clerk = await desks.desk("duty_officer", THIRD), await desks.desk("clerk", BESIDE)
    city = await desks.desk("duty_officer", CITY)
    report, there, far = await filed(duty), await filed(other, BESIDE), await filed(third, THIRD)
    # What is not there and what another unit has cannot be told apart.
    answers = []
    for target in (f"reports/{BESIDE}-2026-999999", far):
        answer = await duty.tries(report, "forward", unit=f"units/{BESIDE}", reason=WHY, target=target)
        told = answer.json()
        answers.append((answer.status_code, told["code"], told["errors"], told["detail"].replace(target, "")))
    assert answers[0] == answers[1]
    assert (answers[0][:2], answers[0][2][0]["field"]) == ((404, "NOT_FOUND"), "target")
    same = await duty.tries(report, "forward", unit=f"units/{BESIDE}", reason=WHY, target=report)
    assert (code(same), same.json()["errors"][0]["field"]) == ((400, "SAME_REPORT"), "target")

    await propose(duty, report, there)
    for desk in (third, duty, clerk):
        assert (await desk.tries(report, "takeOver")).status_code == 403
        assert (await desk.tries(report, "sendBack", reason=WHY_NOT)).status_code == 403
    assert (await third.gets(f"/v1/{report}/content")).status_code == 403
    assert report not in str(await third.reads("/v1/reports/-/forwards?pageSize=1000"))
    assert code(await duty.tries(report, "accept")) == (409, "FORWARD_OPEN")
    assert code(await city.tries(report, "merge", target=there, reason="同一事项")) == (409, "FORWARD_OPEN")
    async with Reporter(stack) as me:
        me.takes(await duty.file(reporter={"phone": PHONE}))
        await propose(duty, me.report, there)
        await me.sign_in(PHONE[-4:])
        assert (await me.does("takeOver")).status_code == 403
        # Who withdraws it ends the asking.
        assert (await me.does("withdraw")).status_code == 200
        assert code(await other.tries(me.report, "takeOver")) == (409, "WRONG_STATE")


async def test_nothing_is_merged_by_consent_into_what_is_over_and_no_complaint_into_another_matter(
    desks: Desks,
) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    report, there = await filed(duty), await filed(other, BESIDE)
    await propose(duty, report, there)
    await other.does(there, "decline", reason="不属于调解范围", route="ROUTE_COURT")
    late = await other.tries(report, "takeOver")
    assert code(late) == (409, "MERGE_INTO_OVER")
    assert "重复反映" in late.json()["detail"]
    await other.does(report, "sendBack", reason="已经答复。")
    await duty.does(report, "accept")

    complaint, plain = await filed(duty, aboutUnit=f"units/{TOWN}"), await filed(other, BESIDE)
    await propose(duty, complaint, plain)
    assert code(await other.tries(complaint, "takeOver")) == (409, "COMPLAINED_OF")
    accepted = await filed(duty)
    await duty.does(accepted, "accept")
    done = await duty.tries(accepted, "forward", unit=f"units/{BESIDE}", reason=WHY, target=plain)
    assert code(done) == (409, "WRONG_STATE")


async def test_what_was_merged_by_consent_stays_together_once_its_case_is_closed(
    desks: Desks, clients: Clients
) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    report, there, late = await filed(duty), await filed(other, BESIDE), await filed(duty)
    await propose(duty, report, there)
    await propose(duty, late, there)
    await other.does(report, "takeOver")
    await other.does(there, "accept")
    case = there.replace("reports/", "cases/")
    async with asyncio.timeout(PATIENCE):
        while (await other.gets(f"/v1/{case}")).status_code != 200:
            await asyncio.sleep(0.2)
    await clients.finish(case)
    await told_of_its_end(clients, case, closed=True)
    for desk in (duty, other):
        kept = await desk.tries(report, "unmerge", reason="另一事项")
        assert code(kept) == (409, "MERGED_INTO_OVER")
        assert "先重新办理" in kept.json()["detail"]
    assert code(await other.tries(late, "takeOver")) == (409, "MERGE_INTO_OVER")
    assert (await duty.reads(f"/v1/{report}/forwards"))["forwards"][0]["state"] == "FORWARD_STATE_TAKEN_OVER"


async def test_of_two_who_propose_or_answer_at_once_one_counts(desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    mine, theirs = await filed(duty), await filed(other, BESIDE)
    await propose(duty, mine, theirs)
    await propose(other, theirs, mine, COUNTY)
    both = await asyncio.gather(other.tries(mine, "takeOver"), duty.tries(theirs, "takeOver"))
    statuses = sorted(each.status_code for each in both)
    assert (statuses[0], statuses[1] in (403, 409)) == (200, True), [each.text for each in both]

    report, there = await filed(duty), await filed(other, BESIDE)
    await propose(duty, report, there)
    answers = await asyncio.gather(
        duty.tries(report, "recall"), other.tries(report, "takeOver"), other.tries(report, "sendBack", reason=WHY_NOT)
    )
    assert [each.status_code for each in answers].count(200) == 1, [each.text for each in answers]


async def test_a_proposal_without_an_answer_lapses_and_the_report_stays(stack: Stack, clients: Clients) -> None:
    async with standing_still(stack, "intake") as still, door_of(still) as url:
        still.to("2026-03-02T09:00")
        async with (
            Desk(stack, "duty_officer", url=url) as duty,
            Desk(stack, "duty_officer", BESIDE, url=url) as other,
        ):
            report, there = await filed(duty), await filed(other, BESIDE)
            made = await propose(duty, report, there)
            assert made["answerUntilTime"] == "2026-03-04T15:59:59Z", "two working days"
            still.to("2026-03-05T00:00")
            late = await other.tries(report, "takeOver")
            assert code(late) == (409, "WRONG_STATE"), "the time is over, fired or not"
            around = still.clients(clients)
            fire = clock_pb2.FireClocksRequest(service="intake", case=report.replace("reports/", "cases/"))
            await around.clocks["intake"].FireClocks(fire, **around.as_service("worker"))
            assert (await duty.reads(f"/v1/{made['name']}"))["state"] == "FORWARD_STATE_LAPSED"
            assert "ForwardLapsed" in await kinds(duty, report)
            assert (await other.gets(f"/v1/{report}/content")).status_code == 403
            # What lapsed was no answer: it may be proposed again.
            still.time.set(still.time.now() + timedelta(hours=9))
            await propose(duty, report, there)
            await duty.does(report, "recall")
            await duty.does(report, "accept")


async def test_who_is_kept_from_the_other_report_does_not_answer_for_its_unit(stack: Stack, desks: Desks) -> None:
    duty, other = await desks.desk("duty_officer"), await desks.desk("duty_officer", BESIDE)
    report, there = await filed(duty), await filed(other, BESIDE)
    await propose(duty, report, there)
    standing = """
        INSERT INTO intake.case_standings (number, seq, unit, about, co_units, mediator, grants, excluded)
        VALUES ($1, 1, $2, '', '{}', '', '{}', '{somebody}')
    """
    await execute(stack, standing, there.removeprefix("reports/"), BESIDE)
    async with Desk(stack, "duty_officer", BESIDE, sub="somebody") as excluded:
        assert (await excluded.tries(report, "takeOver")).status_code == 403
        assert (await excluded.tries(report, "sendBack", reason=WHY_NOT)).status_code == 403
    assert (await other.does(report, "takeOver"))["state"] == "FORWARD_STATE_TAKEN_OVER"
