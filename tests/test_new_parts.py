"""What was opened for a panel and for movers of plans is open to them alone, as far as their part goes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import CALL
from tests.scenario import Desk, refused
from tests.test_panel import NOTHING, invited, mediated, someone
from tests.test_plan_migrations import Hall, one

__all__ = ["one"]


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def test_the_name_of_an_assessor_is_for_who_may_read_a_member(desk: Desk) -> None:
    case, user = await mediated(desk), someone()
    await invited(case, user)
    for role, called in (("auditor", ""), ("supervisor", ""), ("unit_head", "钟离工程师"), ("clerk", "钟离工程师")):
        (member,) = (await desk.get(f"{case.name}/panel", role))["members"]
        assert (member["displayName"], member["state"]) == (called, "PANEL_STATE_ASKED"), role


async def test_an_assessor_reads_until_the_case_is_closed_and_no_longer(desk: Desk) -> None:
    case, user = await mediated(desk), someone()
    member = await invited(case, user)
    await desk.post(f"{member}:accept", "handler", user, disclosure=NOTHING)
    away = desk.at("620123")
    assert (await away.get(case.name, "handler", user))["name"] == case.name
    await desk.post(f"{case.parties[1]}:withdraw", "clerk")
    await case.serve_notices()
    await case.close("WITHDRAWN")
    for path in (case.name, f"{case.name}/parties", f"{case.name}/evidence"):
        with refused("PERMISSION_DENIED"):
            await away.get(path, "handler", user)


async def test_who_is_excluded_from_a_case_does_not_move_it(one: Hall) -> None:
    case = await one.case()
    name, head, mover = await one.approved(), await one.at("unit_head"), await one.at("operator", sub="moves-plans")
    told = {"holder": "moves-plans", "scope": "GRANT_SCOPE_EXCLUDED", "reason": "当事人申请回避。"}
    await head.puts(f"/v1/{case}/grants", **told)
    await mover.does(name, "run")
    left = (await head.reads(f"/v1/{name}:preview"))["cases"]
    assert case in [each["case"] for each in left], "it is where it was"
    await (await one.at("operator", sub="another")).does(name, "run")
    assert case in [each["case"] for each in (await head.reads(f"/v1/{name}/rows"))["rows"] if each["planVersion"]]
