"""Merges across counties and in long chains, and what undoing them puts back."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.test_forwards import code
from tests.test_links import link

BESIDE, CITY = "620103", "6201"
LENGTH = 50


async def test_a_chain_of_fifty_merges_is_undone_link_by_link(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty, Desk(stack, "clerk") as clerk:
        chain = [(await clerk.file())["name"] for _ in range(LENGTH + 1)]
        before = {each: await duty.reads(f"/v1/{each}") for each in chain}
        for one, other in pairwise(chain):
            await duty.does(one, "merge", target=other, reason="同一事项")
        last = chain[-1]
        for each in chain[:-1]:
            assert (await duty.reads(f"/v1/{each}"))["mergedInto"] == last
        # In the middle: what had been merged into it goes with it, what it had been merged into stays.
        await duty.does(chain[20], "unmerge", reason="另一事项")
        for at, each in enumerate(chain[:-1]):
            into = chain[20] if at < 20 else "" if at == 20 else last
            assert (await duty.reads(f"/v1/{each}")).get("mergedInto", "") == into, at
        for each in (*reversed(chain[21:-1]), *reversed(chain[:20])):
            await duty.does(each, "unmerge", reason="另一事项")
        for each in chain:
            now = await duty.reads(f"/v1/{each}")
            assert (now["state"], now.get("mergedInto", "")) == ("REPORT_STATE_RECEIVED", "")
            assert now["dueTime"] == before[each]["dueTime"], "as if it had never been merged"


async def test_what_was_decided_about_two_reports_since_changes_nothing_in_what_is_undone(stack: Stack) -> None:
    async with Desk(stack, "duty_officer") as duty:
        first, second, third, fourth = [(await duty.file())["name"] for _ in range(4)]
        # Said to be the same as the second, and merged elsewhere: no follower of the second.
        await link(duty, fourth, second, "DUPLICATE")
        await duty.does(fourth, "merge", target=third, reason="同一事项")
        await duty.does(first, "merge", target=second, reason="同一事项")
        await duty.does(second, "merge", target=third, reason="同一事项")
        assert (await link(duty, first, second, "RELATED")).status_code == 200
        await duty.does(second, "unmerge", reason="另一事项")
        assert (await duty.reads(f"/v1/{first}"))["mergedInto"] == second
        assert (await duty.reads(f"/v1/{fourth}"))["mergedInto"] == third


async def test_a_merge_across_counties_takes_the_city_and_undone_it_is_back_at_its_desk(
    stack: Stack, clients: Clients
) -> None:
    async with (
        Reporter(stack) as me,
        Desk(stack, "clerk") as clerk,
        Desk(stack, "duty_officer") as duty,
        Desk(stack, "duty_officer", BESIDE) as beside,
        Desk(stack, "duty_officer", CITY) as city,
    ):
        me.takes(await clerk.file())
        before = await duty.reads(f"/v1/{me.report}")
        there = await clients.file_report(unit=f"units/{BESIDE}")
        for desk in (duty, beside):
            answer = await desk.tries(me.report, "merge", target=there.name, reason="同一事项")
            assert answer.status_code == 403, answer.text
        assert (await beside.tries(there.name, "merge", target=me.report, reason="同一事项")).status_code == 403
        both = await asyncio.gather(
            city.tries(me.report, "merge", target=there.name, reason="同一事项"),
            city.tries(there.name, "merge", target=me.report, reason="同一事项"),
        )
        assert sorted(each.status_code for each in both) == [200, 409], "into each other at once: one counts"
        if both[0].status_code != 200:
            await city.does(there.name, "unmerge", reason="方向反了")
            await city.does(me.report, "merge", target=there.name, reason="同一事项")
        assert (await duty.tries(me.report, "unmerge", reason="不是一事")).status_code == 403
        twice = await city.tries(me.report, "merge", target=there.name, reason="同一事项")
        assert code(twice) == (409, "WRONG_STATE")

        # The case takes it along; undone, it is back at the desk that had it, by its own deadline.
        await clients.accept(there)
        async with asyncio.timeout(PATIENCE):
            while (await city.reads(f"/v1/{me.report}"))["unit"] != f"units/{BESIDE}":
                await asyncio.sleep(0.3)
        assert (await duty.gets(f"/v1/{me.report}/content")).status_code == 403
        back = await city.does(me.report, "unmerge", reason="另一事项")
        assert (back["unit"], back["state"]) == (f"units/{COUNTY}", "REPORT_STATE_RECEIVED")
        assert back["dueTime"] == before["dueTime"]
        assert (await beside.gets(f"/v1/{me.report}/content")).status_code == 403
        (clock,) = [
            each for each in (await duty.reads(f"/v1/clocks/intake?case={before['case']}"))["clocks"]
            if not each.get("stopTime")
        ]  # fmt: skip
        assert clock["unit"] == f"units/{COUNTY}"
        slip = await me.receipt(lambda now: now["unit"] == f"units/{COUNTY}")
        assert slip["dueTime"] == before["dueTime"]
        await duty.does(me.report, "accept")


async def test_what_its_reporter_withdrew_meanwhile_waits_for_nobody_once_the_merge_is_undone(stack: Stack) -> None:
    async with Reporter(stack) as me, Desk(stack, "duty_officer") as duty:
        me.takes(await duty.file(reporter={"phone": "13800138000"}))
        await duty.does(me.report, "merge", target=(await duty.file())["name"], reason="同一事项")
        await me.sign_in("8000")
        assert (await me.does("withdraw")).status_code == 200
        back = await duty.does(me.report, "unmerge", reason="另一事项")
        assert (back["state"], back.get("overdue", False)) == ("REPORT_STATE_WITHDRAWN", False)
        case = back["case"]
        clocks = (await duty.reads(f"/v1/clocks/intake?case={case}&running=true")).get("clocks", [])
        assert clocks == []
        assert code(await duty.tries(me.report, "accept")) == (409, "WRONG_STATE")
