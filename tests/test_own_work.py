"""A worklist that is really one's own: what one took on, what one was given, what one mediates; over REST."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from tests import outside
from tests.conftest import CALL, request_id
from tests.patience import PATIENCE
from tests.scenario import Desk, Matter, refused

Steps = list[dict[str, Any]]


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def mine(desk: Desk, role: str, user: str, until: Callable[[Steps], Any]) -> Steps:
    """Return what is on somebody's own worklist, once it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await desk.get("worklist", role, user, scope="WORK_SCOPE_MINE")
            if until(found["items"]):
                assert (found["total"], found["waiting"]) == (len(found["items"]), 0)
                return list(found["items"])
            await asyncio.sleep(0.2)


async def steps(desk: Desk, case: str, step: str) -> Steps:
    """Return the running clocks of a case that a limit gave."""
    clocks = (await desk.get("clocks/mediation", "handler", None, case=case, running="true"))["clocks"]
    return [each for each in clocks if each["rule"] == step]


def someone() -> str:
    return f"official-{request_id()[5:17]}"


async def test_what_i_signed_for_is_mine_and_what_i_give_away_is_not(desk: Desk) -> None:
    case, me, colleague = await desk.open("neighbour", "院墙占了通道。"), someone(), someone()
    tasks = (await desk.get(f"{case.name}/plan", "handler"))["tasks"]
    task = next(each for each in tasks if each["unit"] == "units/620102")
    assert await mine(desk, "handler", me, lambda found: not found) == []
    await desk.post(f"{task['name']}:sign", "handler", me)
    (item,) = await mine(desk, "handler", me, len)
    assert (item["subject"], item["step"], item["takenBy"]) == (task["name"], "task", me)
    assert (item["category"], item["dueTime"]) == ("categories/neighbour", task["dueTime"])

    with refused("PERMISSION_DENIED"):
        await desk.post(f"{item['clock']}:assign", "handler", me, user=colleague)
    await desk.post(f"{item['clock']}:assign", "unit_head", None, user=colleague)
    assert [each["clock"] for each in await mine(desk, "handler", colleague, len)] == [item["clock"]]
    await mine(desk, "handler", me, lambda found: not found)
    await desk.post(f"{item['clock']}:assign", "unit_head")
    await mine(desk, "handler", colleague, lambda found: not found)


async def test_who_takes_a_step_on_moves_no_date_and_supervision_takes_none(stack: Stack, desk: Desk) -> None:
    filed = await desk.post("reports", channel="CHANNEL_COUNTER", unit="units/620102", category="categories/neighbour",
                            text="楼道堆物。")  # fmt: skip
    (clock,) = (await desk.get("clocks/intake", "duty_officer", None, case=filed["case"], running="true"))["clocks"]
    me = someone()
    async with (
        outside.Desk(stack, "supervisor", "6201") as city,
        outside.Desk(stack, "duty_officer", "620103") as other,
    ):
        assert (await city.tries(clock["name"], "take")).status_code == 403
        assert (await other.tries(clock["name"], "take")).status_code == 403
    taken = await desk.post(f"{clock['name']}:take", "duty_officer", me)
    assert (taken["takenBy"], taken["dueTime"], taken["etag"]) == (me, clock["dueTime"], clock["etag"])
    assert [each["clock"] for each in await mine(desk, "duty_officer", me, len)] == [clock["name"]]
    await desk.post(f"{filed['name']}:accept", "duty_officer", me)
    assert await mine(desk, "duty_officer", me, lambda found: not found) == []
    with refused("WRONG_STATE"):
        await desk.post(f"{clock['name']}:take", "duty_officer", me)


async def test_a_mediator_sees_the_question_put_to_them_then_the_mediation_until_they_are_replaced(desk: Desk) -> None:
    case: Matter = await desk.open("neighbour", "楼上漏水。")
    await case.two_sides("申屠楼下", "公冶楼上")
    await case.everybody_says_yes()
    case.user = await desk.mediator()
    for party in case.parties:
        await desk.post(f"{party}:chooseMediator", "clerk", mediator=f"mediators/{case.user}")
    (asked,) = await mine(desk, "mediator", case.user, len)
    assert (asked["step"], asked["case"]) == ("mediator_answer", case.name)
    await case.tell("mediation:accept", disclosure=dict.fromkeys(("kin", "interest", "prior_role"), False))
    (term,) = await mine(desk, "mediator", case.user, lambda found: found and found[0]["step"] != "mediator_answer")
    assert (term["step"], term["case"], term["subject"]) == ("mediation_term", case.name, f"{case.name}/mediation")
    await desk.post(f"{case.parties[0]}:replaceMediator", "clerk")
    await mine(desk, "mediator", case.user, lambda found: not found)


async def test_what_goes_to_another_unit_is_nobodys_own_there(desk: Desk) -> None:
    case, me = await desk.open("neighbour", "共用楼梯损坏。"), someone()
    tasks = (await desk.get(f"{case.name}/plan", "handler"))["tasks"]
    task = next(each for each in tasks if each["unit"] == "units/620102")
    await desk.post(f"{task['name']}:sign", "handler", me)
    await mine(desk, "handler", me, len)
    await desk.post(f"{task['name']}:return", "handler", me, reason="not-ours")
    await mine(desk, "handler", me, lambda found: not found)
    assert [each["takenBy"] for each in await steps(desk, case.name, "task") if each["subject"] == task["name"]] == [""]
