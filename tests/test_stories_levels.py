"""Stories of the levels, told through REST alone as client apps of many desks would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.patience import CALL, PATIENCE
from tests.scenario import Desk, Matter, day, refused

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
VILLAGE, TOWN, BESIDE, CITY, PROVINCE = "620102001001", "620102001", "620102002", "6201", "62"


@dataclass
class Desks:
    """The desks of every unit."""

    rest: httpx.AsyncClient
    stack: Stack

    def __call__(self, unit: str) -> Desk:
        """Return the desks of a unit."""
        return Desk(self.rest, self.stack, unit)

    async def accountable(self, case: str, unit: str) -> dict[str, Any]:
        """Wait until a case is a unit's, and return it; its workflow carries it there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found: dict[str, Any] = await self(PROVINCE).get(case, "handler")
                if found["unit"] == f"units/{unit}":
                    return found
                await asyncio.sleep(0.1)


@pytest.fixture
async def desks(stack: Stack) -> AsyncIterator[Desks]:
    """Return the desks of every unit."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desks(rest, stack)


async def opened(desks: Desks, unit: str, text: str) -> Matter:
    """File and accept a matter at a unit's own counter, and return its case."""
    return await desks(unit).open("neighbour", text, unit=f"units/{unit}", people_affected=1)


async def test_a_case_climbs_from_the_village_to_the_province_and_comes_back_settled(desks: Desks) -> None:
    case = await opened(desks, VILLAGE, "两村合用的水渠年久失修，多年无人牵头。")
    due = (await case.ask("", "handler"))["dueTime"]
    climbed = ""
    for unit, above in ((VILLAGE, TOWN), (TOWN, COUNTY), (COUNTY, CITY), (CITY, PROVINCE)):
        raised = await desks(unit).post(
            f"{case.name}/escalations", "handler", mode="MODE_TRANSFER", from_unit=f"units/{unit}", reason="too-big",
            explanation=f"本级（{unit}）无力协调。", **({"subject": climbed} if climbed else {}),
        )  # fmt: skip
        assert (raised["toUnit"], raised["ladder"], raised["originUnit"]) == (
            f"units/{above}", "general", f"units/{VILLAGE}")  # fmt: skip
        moved = await desks.accountable(case.name, above)
        assert moved["dueTime"] == due
        await desks(above).post(f"{raised['name']}:acknowledge", "unit_head")
        climbed = raised["name"]
    with refused("TOP_LEVEL"):
        await desks(PROVINCE).post(
            f"{case.name}/escalations", "handler", mode="MODE_INFORM", from_unit=f"units/{PROVINCE}", reason="too-big"
        )
    with refused("PERMISSION_DENIED"):  # nobody below says what becomes of it at the province
        await desks(CITY).post(f"{climbed}:resolve", "unit_head")

    back = await desks(PROVINCE).post(
        f"{climbed}:return", "unit_head", unit=f"units/{COUNTY}", reason="means-granted",
        expectation="省级资金已下达，请县级一个月内组织修复。",
    )  # fmt: skip
    assert (back["state"], back["returnUnit"]) == ("ESCALATION_STATE_RETURNED", f"units/{COUNTY}")
    assert (await desks.accountable(case.name, COUNTY))["dueTime"] == due
    with refused("PERMISSION_DENIED"):
        await desks("620103").get(f"{climbed}/text", "unit_head")
    said = await desks(CITY).get(f"{climbed}/text", "unit_head")
    assert "资金已下达" in said["expectation"]
    watching = await desks(PROVINCE).get("clocks/escalation", "supervisor", case=case.name, running=True)
    assert [clock["rule"] for clock in watching["clocks"]] == ["watch_returned"]

    county = Matter(desks(COUNTY), case.name, case.text)
    await county.carry_out_plan()
    await county.tell(":requestClosing", "handler", outcome="OUTCOME_RESOLVED")
    assert (await county.tell(":close", "reviewer", approved=True))["stage"] == "STAGE_CLOSED"
    await shows_its_whole_way(desks, case.name)


async def shows_its_whole_way(desks: Desks, case: str) -> None:
    """A settled case shows every level it came to, to the province as to the village it began in."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await desks(PROVINCE).get(f"{case}/escalations", "supervisor"))["escalations"]
            if {each["state"] for each in found} == {"ESCALATION_STATE_RESOLVED"}:
                break
            await asyncio.sleep(0.1)
    way = [(each["fromUnit"], each["toUnit"]) for each in reversed(found)]
    units = [f"units/{unit}" for unit in (VILLAGE, TOWN, COUNTY, CITY, PROVINCE)]
    assert way == list(pairwise(units))
    assert len((await desks(VILLAGE).get(f"{case}/escalations", "handler"))["escalations"]) == 4
    events = (await desks(PROVINCE).get(f"{case}/timeline", "auditor"))["events"]
    kinds = [event["type"] for event in events]
    told = [kind for kind in kinds if kind.startswith(("Escalation", "CaseTransferred", "CaseClosed"))]
    assert [kind for kind in told if kind == "EscalationRaised"] == ["EscalationRaised"] * 4
    assert kinds.count("CaseTransferred") == 5  # four up, one back
    for before, after in (("EscalationReturned", "CaseClosed"), ("CaseClosed", "EscalationSettled")):
        assert told.index(before) < told.index(after), told


async def test_a_unit_s_not_ours_is_decided_by_the_umpire(desks: Desks) -> None:
    case = await opened(desks, TOWN, "围墙外的排水口堵塞，雨天倒灌。")
    before = await case.ask("", "handler")
    with refused("INVALID_FIELD"):  # reasons are needed
        await case.tell("objections", "handler", proposed_unit=f"units/{BESIDE}", reason="outside-area")
    with refused("PERMISSION_DENIED"):
        await desks(BESIDE).post(
            f"{case.name}/objections", "handler", proposed_unit=f"units/{TOWN}", reason="a", grounds="不是我们的。"
        )
    made = await case.tell(
        "objections",
        "handler",
        proposed_unit=f"units/{BESIDE}",
        reason="outside-area",
        grounds="排水口在相邻街道。",
    )
    assert (made["state"], made["umpireUnit"]) == ("OBJECTION_STATE_MADE", f"units/{COUNTY}")
    # Until it is decided the first unit answers for it: it signs and does the first task.
    assert (await case.ask("", "handler"))["unit"] == f"units/{TOWN}"
    await case.tell("tasks/1:sign", "handler")
    waiting = await desks(COUNTY).get("cases/-/objections", "supervisor", open=True, page_size=1000)
    assert made["name"] in [each["name"] for each in waiting["objections"]]
    assert "排水口" in (await desks(COUNTY).get(f"{made['name']}/text", "supervisor"))["grounds"]
    for unit in (TOWN, BESIDE):
        with refused("PERMISSION_DENIED"):
            await desks(unit).post(f"{made['name']}:decide", "unit_head", upheld=True, decision="同意。")
    done = await desks(COUNTY).post(
        f"{made['name']}:decide", "supervisor", upheld=True, decision="排水口确在相邻街道一侧。"
    )
    assert (done["state"], done["rightUnit"]) == ("OBJECTION_STATE_UPHELD", f"units/{BESIDE}")
    after = await desks(BESIDE).get(case.name, "handler")
    assert (after["unit"], after["dueTime"]) == (f"units/{BESIDE}", before["dueTime"])
    # The unit it went to may object in turn, once; refused, it stays there.
    again = await desks(BESIDE).post(
        f"{case.name}/objections", "handler", proposed_unit=f"units/{TOWN}", reason="outside-area", grounds="界线有误。"
    )
    await desks(COUNTY).post(f"{again['name']}:decide", "supervisor", upheld=False, decision="以界桩为准。")
    with refused("OBJECTED_BEFORE"):
        await desks(BESIDE).post(
            f"{case.name}/objections", "handler", proposed_unit=f"units/{TOWN}", reason="a", grounds="仍不认可。"
        )
    assert (await desks(BESIDE).get(case.name, "handler"))["unit"] == f"units/{BESIDE}"


async def test_an_official_goes_on_leave_and_hands_over_and_the_successor_acknowledges(desks: Desks) -> None:
    case = await opened(desks, TOWN, "路灯不亮三个月，几次反映没有结果。")
    wang, li, zhao = (f"o-{request_id()[5:17]}" for _ in range(3))
    raised = await desks(TOWN).post(
        f"{case.name}/escalations", "handler", mode="MODE_INFORM", from_unit=f"units/{TOWN}", reason="stuck"
    )
    county = desks(COUNTY)
    await county.post(f"{raised['name']}:acknowledge", "unit_head", wang)
    mine = (await county.get("holdings", "handler", wang))["holdings"]
    assert [(each["subject"], each["role"], each["covered"]) for each in mine] == [
        (raised["name"], "escalation", False)
    ]
    assert mine[0]["dueTime"]

    await county.post(
        "absences", "duty_officer", unit=f"units/{COUNTY}", official=wang, cover=li, first_date=day(0), last_date=day(9)
    )
    covered = (await county.get("holdings", "handler", li))["holdings"]
    assert [(each["subject"], each["official"], each["covered"]) for each in covered] == [(raised["name"], wang, True)]

    opened_ = await county.post(
        "handovers", "unit_head", unit=f"units/{COUNTY}", official=wang, successor=zhao,
        items=[{"subject": f"{case.name}/tasks/1", "due_date": day(5)}], notes="路灯管理所联系过两次，下周回话。",
    )  # fmt: skip
    assert "notes" not in opened_
    assert [item["subject"] for item in opened_["items"]] == [raised["name"], f"{case.name}/tasks/1"]
    assert opened_["items"][0]["clocks"]
    for stranger in (wang, li):
        with refused("NOT_THE_SUCCESSOR"):
            await county.post(f"{opened_['name']}:acknowledge", "handler", stranger, items=[1])
    assert "下周回话" in (await county.get(f"{opened_['name']}/notes", "handler", zhao))["notes"]
    first = await county.post(f"{opened_['name']}:acknowledge", "handler", zhao, items=[1])
    assert (first["state"], first["openItems"]) == ("HANDOVER_STATE_OPEN", 1)
    assert len((await county.get("holdings", "handler", li))["holdings"]) == 2  # Li still stands in for all of it
    done = await county.post(f"{opened_['name']}:acknowledge", "handler", zhao, items=[2])
    assert done["state"] == "HANDOVER_STATE_COMPLETED"
    assert {each["subject"] for each in (await county.get("holdings", "handler", zhao))["holdings"]} == {
        raised["name"], f"{case.name}/tasks/1"}  # fmt: skip
    for official in (wang, li):
        assert not (await county.get("holdings", "handler", official)).get("holdings")
    events = (await county.get(f"{opened_['name']}/timeline", "auditor"))["events"]
    assert [event["type"] for event in events] == [
        "HandoverOpened", "HandoverNotesRead", "HandoverAcknowledged", "HandoverCompleted"]  # fmt: skip
