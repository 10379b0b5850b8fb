"""A court, the police or a petition office sees what it handed over, its state and results, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from accord.embedded.stack import Stack
from tests import outside
from tests.conftest import CALL, request_id
from tests.scenario import Desk, RefusedError, refused

COURT, OTHER = "620102-court", "620103-court"


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


@pytest.mark.parametrize("role", ["handler", "clerk", "unit_head"])
async def test_an_authority_sees_what_it_sent_and_nothing_else_of_the_case(stack: Stack, desk: Desk, role: str) -> None:
    case, letter = await desk.open("contract/sale", "货款纠纷，法院委托调解。", channel="CHANNEL_COURT"), request_id()
    docking = f"{case.name}/{await case.dock('COURT', procedure='PROCEDURE_ORDINARY', hand_over_letter=letter)}"
    async with outside.Desk(stack, role, COURT) as court, outside.Desk(stack, role, OTHER) as other:
        (sent,) = (await court.reads(f"/v1/dockings?handOverLetter={letter}"))["dockings"]
        assert (sent["name"], sent["authority"], sent["unit"]) == (docking, f"units/{COURT}", "units/620102")
        assert (sent["state"], sent["category"]) == ("DOCKING_STATE_HANDED_OVER", "categories/contract/sale")
        assert (await court.gets(f"/v1/{docking}/returnReport")).status_code == 404

        await case.two_sides("闻人卖货", "百里买货")
        await case.tell(docking.removeprefix(f"{case.name}/") + ":return")
        assert (await court.reads(f"/v1/{docking}"))["state"] == "DOCKING_STATE_RETURNED"
        report = await court.reads(f"/v1/{docking}/returnReport")
        assert (report["result"], bool(report["letterNumber"])) == ("DOCKING_RESULT_NO_CONSENT", True)
        assert (await court.reads(f"/v1/dockings?handOverLetter={letter}&open=true"))["dockings"] == []

        for path in ("", "/parties", "/mediation", "/plan", "/dockings", "/agreements"):
            assert (await court.gets(f"/v1/{case.name}{path}")).status_code == 403, path
        assert (await other.gets(f"/v1/{docking}")).status_code == 403
        assert (await other.reads(f"/v1/dockings?handOverLetter={letter}"))["dockings"] == []
        assert (await other.gets(f"/v1/dockings?unit=units/{COURT}")).status_code == 403


async def test_the_same_letter_of_an_authority_is_the_same_docking(desk: Desk) -> None:
    letter, fields = request_id(), {"procedure": "PROCEDURE_SUMMARY"}
    first = await desk.open("contract/sale", "货款纠纷。", channel="CHANNEL_COURT")
    docking = await first.dock("COURT", hand_over_letter=letter, **fields)
    with pytest.raises(RefusedError, match=r"^ALREADY_EXISTS") as again:
        await first.dock("COURT", hand_over_letter=letter, **fields)
    assert f"{first.name}/{docking}" in str(again.value.problem)
    second = await desk.open("contract/sale", "同一封函，又登记一次。", channel="CHANNEL_COURT")
    with pytest.raises(RefusedError, match=r"^ALREADY_EXISTS") as elsewhere:
        await second.dock("COURT", hand_over_letter=letter, **fields)
    assert first.name not in str(elsewhere.value.problem)
    # Another court's letter may have the same number.
    await second.dock("COURT", hand_over_letter=letter, authority="units/6201-court", **fields)
    with refused("UNKNOWN_UNIT"):
        await second.dock("COURT", hand_over_letter=request_id(), authority="units/999999-court", **fields)


async def test_what_was_sent_is_listed_page_by_page_newest_first(stack: Stack, desk: Desk) -> None:
    case = await desk.open("neighbour", "邻里打架，未作决定。", channel="CHANNEL_POLICE")
    made = [await case.dock("POLICE", decided=False, hand_over_letter=request_id()) for _ in range(3)]
    async with outside.Desk(stack, "handler", "620102-police") as police:
        page = await police.reads("/v1/dockings?pageSize=2")
        names = [each["name"] for each in page["dockings"]]
        page = await police.reads(f"/v1/dockings?pageSize=1&pageToken={page['nextPageToken']}")
        names += [each["name"] for each in page["dockings"]]
    assert names == [f"{case.name}/{each}" for each in reversed(made)]
