"""The plan of a running case: changed by who handles it, approved by another, every version kept; by token alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.still import standing_still
from tests.still_door import town_of

LABOUR, JUSTICE, HOUSING = (f"{COUNTY}-{each}" for each in ("labour", "justice", "housing"))
SITE = "到工地核对考勤，列出欠薪人员。"


def new(unit: str = JUSTICE, **fields: Any) -> dict[str, Any]:
    """Return a task that is added."""
    told = {"measure": SITE, "unit": f"units/{unit}", "days": 5, "evidenceRequired": "核对表"}
    return {**told, **fields}


@dataclass
class Office:
    """The people of the county's centre, and a case of theirs with four tasks."""

    stack: Stack
    open: AsyncExitStack
    language: str
    case: str = ""

    async def at(self, role: str, unit: str = COUNTY, sub: str | None = None) -> Desk:
        """Return somebody's desk."""
        return await self.open.enter_async_context(Desk(self.stack, role, unit, sub, self.language))

    async def comes_in(self, **fields: Any) -> str:
        """File a report, accept it, and return its case once it is open."""
        clerk, duty = await self.at("clerk", "62"), await self.at("duty_officer", "62")
        filed = await clerk.file("工地拖欠八个人的工资。", category="categories/labour", peopleAffected=8, **fields)
        await duty.does(filed["name"], "accept")
        self.case = filed["name"].replace("reports/", "cases/")
        async with asyncio.timeout(PATIENCE):
            while (await duty.gets(f"/v1/{self.case}")).status_code != 200:
                await asyncio.sleep(0.1)
        return self.case

    async def revise(self, desk: Desk, *, propose: bool = False, etag: str = "", **revision: Any) -> httpx.Response:
        """Ask for a change of the plan, and return whatever comes."""
        told = {"revision": revision, "reason": "现场情况有变。", "propose": propose, "etag": etag}
        return await desk.tries(f"{self.case}/plan", "revise", **told)

    async def revised(self, desk: Desk, **told: Any) -> dict[str, Any]:
        """Ask for a change of the plan that must be good."""
        answer = await self.revise(desk, **told)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def tasks(self, desk: Desk) -> dict[int, dict[str, Any]]:
        """Return the tasks of the plan, by number."""
        told = (await desk.reads(f"/v1/{self.case}/plan"))["tasks"]
        return {int(each["name"].rpartition("/")[2]): each for each in told}

    async def clocks(self, desk: Desk) -> dict[str, tuple[str, str]]:
        """Return state and date of every clock of the case, by key."""
        told = (await desk.reads(f"/v1/clocks/mediation?case={self.case}&pageSize=200"))["clocks"]
        return {each["name"].partition(".")[2]: (each["state"], each.get("dueTime", "")) for each in told}

    async def to_decide(self, desk: Desk, name: str) -> list[dict[str, Any]]:
        """Return what the worklist of the unit has about a proposal, once it has anything."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if found := [each for each in await self._worklist(desk) if each["subject"] == name]:
                    return found
                await asyncio.sleep(0.1)

    @staticmethod
    async def _worklist(desk: Desk) -> list[dict[str, Any]]:
        """Return the whole worklist of the county, however many tests share it."""
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await desk.reads(f"/v1/worklist?unit=units/{COUNTY}&pageSize=1000&pageToken={token}")
            items += page["items"]
            if not (token := page["nextPageToken"]):
                return items

    def task(self, number: int) -> str:
        """Return the name of a task."""
        return f"{self.case}/tasks/{number}"


@pytest.fixture(params=["zh", "en"])
async def office(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """Return the office in both languages, with a case."""
    async with AsyncExitStack() as stacked:
        found = Office(stack, stacked, request.param)
        await found.comes_in()
        yield found


@pytest.fixture
async def one(stack: Stack) -> AsyncIterator[Office]:
    """Return the office in Chinese, with a case."""
    async with AsyncExitStack() as stacked:
        found = Office(stack, stacked, "zh")
        await found.comes_in()
        yield found


def code(answer: httpx.Response) -> str:
    """Return the code by which a call was refused."""
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


async def test_a_plan_lives_the_handler_asks_the_head_approves_the_co_unit_does_its_part(office: Office) -> None:
    handler, head = await office.at("handler", sub="h-one"), await office.at("unit_head", sub="head-one")
    justice = await office.at("handler", JUSTICE)
    plan = await handler.reads(f"/v1/{office.case}/plan")
    assert (plan["version"], plan["etag"], len(plan["tasks"])) == (1, "1", 4)
    assert code(await justice.gets(f"/v1/{office.case}/plan")) == "PERMISSION_DENIED"

    added = await office.revised(handler, add=[new(milestone=True)], etag="1")
    assert (added["state"], added["version"], added["decidedBy"]) == ("PLAN_CHANGE_STATE_APPLIED", 2, "")
    assert code(await office.revise(handler, add=[new()], etag="1")) == "ETAG_MISMATCH"
    mine = (await justice.reads(f"/v1/{office.case}/plan"))["tasks"][4]
    assert (mine["measure"], mine["evidenceRequired"], mine["milestone"]) == (SITE, "核对表", True)
    waiting = await justice.reads(f"/v1/cases/-/tasks?unit=units/{JUSTICE}&states=TASK_STATE_DISPATCHED&pageSize=1000")
    assert [each["measure"] for each in waiting["tasks"] if each["name"].startswith(f"{office.case}/")] == [SITE]
    milestones = (await handler.reads(f"/v1/{office.case}/progress"))["milestones"]
    assert [each["done"] for each in milestones] == [False, False, False]
    assert milestones[2]["title"] == SITE

    # What drops a running task is for somebody else to approve.
    dropped = {"withdraw": [{"task": office.task(4), "reason": "工资已经当面付清。"}]}
    refusal = await office.revise(handler, **dropped)
    assert code(refusal) == "APPROVAL_NEEDED"
    assert ("head of the unit" if office.language == "en" else "单位负责人") in refusal.text
    asked = await office.revised(handler, propose=True, **dropped)
    assert (asked["state"], asked["version"]) == ("PLAN_CHANGE_STATE_PROPOSED", 0)
    assert (await office.tasks(head))[4]["state"] == "TASK_STATE_DISPATCHED"
    assert code(await office.revise(handler, propose=True, **dropped)) == "PLAN_CHANGE_OPEN"
    waiting = (await head.reads("/v1/cases/-/planChanges?open=true&pageSize=1000"))["changes"]
    assert asked["name"] in [each["name"] for each in waiting]
    read = await head.reads(f"/v1/{asked['name']}")
    assert (read["reason"], read["revision"]["withdraw"][0]["reason"]) == ("现场情况有变。", "工资已经当面付清。")
    assert code(await handler.tries(asked["name"], "decide", approved=True)) == "PERMISSION_DENIED"
    assert code(await head.tries(asked["name"], "decide", approved=True, etag="7")) == "ETAG_MISMATCH"
    decided = await head.does(asked["name"], "decide", approved=True, note="属实。")
    assert (decided["state"], decided["version"]) == ("PLAN_CHANGE_STATE_APPLIED", 3)
    assert code(await head.tries(asked["name"], "decide", approved=True)) == "WRONG_STATE"
    assert (await office.tasks(head))[4]["state"] == "TASK_STATE_CANCELLED"
    clocks = await office.clocks(head)
    assert {clocks[f"task-4.{key}"][0] for key in ("sign", "task")} == {"CLOCK_STATE_CANCELLED"}

    versions = (await handler.reads(f"/v1/{office.case}/plan/versions"))["versions"]
    assert [each["cause"] for each in versions] == ["PLAN_CAUSE_OPENED", "PLAN_CAUSE_REVISED", "PLAN_CAUSE_REVISED"]
    page = await handler.reads(f"/v1/{office.case}/plan/versions?pageSize=2")
    rest = await handler.reads(f"/v1/{office.case}/plan/versions?pageSize=2&pageToken={page['nextPageToken']}")
    assert (page["versions"] + rest["versions"], rest["nextPageToken"]) == (versions, "")
    last = versions[2]
    assert (last["reason"], last["change"], last["tasks"]) == ("现场情况有变。", asked["name"], 4)
    assert ("h-one" in last["madeBy"], "head-one" in last["approvedBy"]) == (True, True)
    assert [(each["kind"], each["task"]) for each in last["diffs"]] == [
        ("PLAN_DIFF_KIND_WITHDRAWN", office.task(4))
    ]  # fmt: skip
    both = await handler.reads(f"/v1/{office.case}/plan:compare?base=1")
    assert [(each["kind"][15:], each["task"]) for each in both["diffs"]] == [
        ("WITHDRAWN", office.task(4)), ("ADDED", office.task(5)),
    ]  # fmt: skip
    assert (both["version"], both["diffs"][1]["unitAfter"], both["diffs"][1]["measure"]) == (
        3, f"units/{JUSTICE}", SITE,
    )  # fmt: skip

    # The co-unit signs, reports, and what it may see ends with its task.
    await justice.does(office.task(5), "sign")
    await justice.does(office.task(5), "report", evidence="核对表一份")
    reviewer = await office.at("reviewer")
    await reviewer.does(office.task(5), "verify", sufficient=True)
    assert code(await justice.gets(f"/v1/{office.case}/plan")) == "PERMISSION_DENIED"
    assert (await handler.reads(f"/v1/{office.case}/progress"))["milestones"][-1]["done"]


async def test_a_task_is_split_handed_over_and_given_more_days(one: Office) -> None:
    handler, head = await one.at("handler"), await one.at("unit_head")
    labour = await one.at("handler", LABOUR)
    await labour.does(one.task(2), "sign")
    before = (await one.tasks(handler))[2]["dueTime"]
    assert await one.revised(handler, handOver=[{"task": one.task(2), "unit": f"units/{HOUSING}"}])
    handed = (await one.tasks(handler))[2]
    assert (handed["unit"], handed["state"], handed["dueTime"]) == (f"units/{HOUSING}", "TASK_STATE_DISPATCHED", before)
    assert code(await labour.tries(one.task(2), "sign")) == "PERMISSION_DENIED"
    await (await one.at("handler", HOUSING)).does(one.task(2), "sign")

    parts = [new(COUNTY, measure="核实人数"), new(LABOUR, measure="核实金额", optional=True)]
    change = {"split": [{"task": one.task(1), "parts": parts}], "extend": [{"task": one.task(3), "days": 3}]}
    assert code(await one.revise(handler, **change)) == "APPROVAL_NEEDED"
    before = (await one.tasks(handler))[3]["dueTime"]
    asked = await one.revised(handler, propose=True, **change)
    # What needs no approval does not wait for what does.
    assert await one.revised(handler, add=[new(COUNTY)])
    await head.does(asked["name"], "decide", approved=True)
    tasks = await one.tasks(handler)
    assert [tasks[each]["state"][11:] for each in (1, 5, 6, 7)] == [
        "CANCELLED",
        "DISPATCHED",
        "DISPATCHED",
        "DISPATCHED",
    ]
    assert [tasks[each]["optional"] for each in (5, 6, 7)] == [False, False, True]
    assert tasks[3]["dueTime"] > before
    case = await handler.reads(f"/v1/{one.case}")
    assert case["openTasks"] == 5, "an optional one is not counted"
    # It is withdrawn without approval, as nothing waits for it.
    assert await one.revised(handler, withdraw=[{"task": one.task(7), "reason": "不需要了"}])
    kinds = [each["kind"][15:] for each in (await handler.reads(f"/v1/{one.case}/plan:compare?base=1"))["diffs"]]
    assert kinds == ["WITHDRAWN", "CHANGED", "CHANGED", "ADDED", "ADDED"]


async def test_who_asks_does_not_approve_and_of_two_who_decide_one_does(one: Office) -> None:
    she, he = await one.at("unit_head", sub="she"), await one.at("unit_head", sub="he")
    dropped = {"withdraw": [{"task": one.task(4), "reason": "不需要了"}]}
    asked = await one.revised(she, propose=True, **dropped)
    assert code(await she.tries(asked["name"], "decide", approved=True)) == "SAME_PERSON"
    for other in (await one.at("handler", "620103"), await one.at("unit_head", "620103"), await one.at("mediator")):
        assert code(await one.revise(other, add=[new(COUNTY)])) == "PERMISSION_DENIED"
    far = await one.at("unit_head", "620103")
    assert code(await far.tries(asked["name"], "decide", approved=True)) == "PERMISSION_DENIED"
    assert code(await far.gets(f"/v1/{asked['name']}")) == "PERMISSION_DENIED"
    assert asked["name"] not in (await far.gets("/v1/cases/-/planChanges?pageSize=1000")).text
    both = await asyncio.gather(*(he.tries(asked["name"], "decide", approved=each) for each in (True, False)))
    assert sorted(each.status_code for each in both)[0] == 200
    assert [code(each) for each in both if each.status_code != 200] == ["WRONG_STATE"]


async def test_the_head_has_a_proposal_in_the_worklist_with_a_date_until_it_is_decided_or_taken_back(
    office: Office,
) -> None:
    handler, head = await office.at("handler"), await office.at("unit_head")
    dropped = {"withdraw": [{"task": office.task(4), "reason": "不需要了"}]}
    asked = await office.revised(handler, propose=True, **dropped)
    assert (await office.clocks(head))["plan_decision-1"] == ("CLOCK_STATE_RUNNING", asked["decideUntilTime"])
    (item,) = await office.to_decide(head, asked["name"])
    assert (item["unit"], item["dueTime"]) == (f"units/{COUNTY}", asked["decideUntilTime"])
    assert item["title"] == {"zh": "审批方案变更", "en": "decide a proposed change of a plan"}[office.language]
    far = await office.at("handler", "620103")
    assert code(await far.tries(asked["name"], "withdraw")) == "PERMISSION_DENIED"
    assert code(await handler.tries(asked["name"], "withdraw", etag="2")) == "ETAG_MISMATCH"
    assert (await handler.does(asked["name"], "withdraw"))["state"] == "PLAN_CHANGE_STATE_WITHDRAWN"
    assert code(await handler.tries(asked["name"], "withdraw")) == "WRONG_STATE"
    assert code(await head.tries(asked["name"], "decide", approved=True)) == "WRONG_STATE"
    assert (await office.clocks(head))["plan_decision-1"][0] == "CLOCK_STATE_CANCELLED"

    # Refused is decided as well; a transfer overtakes what was asked of the unit before.
    asked = await office.revised(handler, propose=True, **dropped)
    await head.does(asked["name"], "decide", approved=False)
    assert (await office.clocks(head))["plan_decision-2"][0] == "CLOCK_STATE_MET"
    asked = await office.revised(handler, propose=True, **dropped)
    above = await office.at("unit_head", "6201")
    await above.does(office.case, "transfer", unit="units/620103")
    assert (await above.reads(f"/v1/{asked['name']}"))["state"] == "PLAN_CHANGE_STATE_LAPSED"
    assert (await office.clocks(above))["plan_decision-3"][0] == "CLOCK_STATE_CANCELLED"


async def test_a_proposal_that_nobody_decides_is_held_against_the_unit_and_is_still_to_be_decided(
    stack: Stack, clients: Clients
) -> None:
    async with standing_still(stack, "mediation") as still, town_of(still, clients) as town:
        case = await town.matter()
        added = {"measure": SITE, "unit": f"units/{COUNTY}", "days": 5, "evidenceRequired": "核对表"}
        revision = {"withdraw": [{"task": f"{case.name}/tasks/1", "reason": "不需要了"}], "add": [added]}
        told = {"revision": revision, "reason": "情况有变。", "propose": True}
        asked = await town.desk.post(f"{case.name}/plan:revise", "handler", "who-asked", **told)
        await town.wait_until(case, asked["decideUntilTime"])
        clock = await town.desk.get(f"clocks/mediation/{case.name[6:]}.plan_decision-1", "unit_head")
        fired = {rung["kind"]: rung.get("consequence") for rung in clock["rungs"] if rung.get("fireTime")}
        assert (clock["state"], clock["overdue"], clock["unit"]) == ("CLOCK_STATE_RUNNING", True, f"units/{COUNTY}")
        assert len(fired) == 2, clock["rungs"]
        decided = await town.desk.post(f"{asked['name']}:decide", "unit_head", "who-decides", approved=True)
        assert decided["state"] == "PLAN_CHANGE_STATE_APPLIED"
        clock = await town.desk.get(f"clocks/mediation/{case.name[6:]}.plan_decision-1", "unit_head")
        assert (clock["state"], clock["overdue"]) == ("CLOCK_STATE_MET", True), "late is late"


async def test_a_plan_is_not_left_empty_and_gives_tasks_to_nobody_it_has_no_say_over(one: Office) -> None:
    handler = await one.at("handler")
    everything = [{"task": one.task(each), "reason": "都不办了"} for each in (1, 2, 3, 4)]
    assert code(await one.revise(handler, propose=True, withdraw=everything)) == "PLAN_EMPTY"
    for unit in ("620103", "620103-labour", f"{COUNTY}-court"):
        assert code(await one.revise(handler, add=[new(unit)])) == "UNIT_BEYOND_PLAN", unit
    twice = await one.revise(handler, propose=True, withdraw=everything[:1], extend=[{"task": one.task(1), "days": 1}])
    assert code(twice) == "INVALID_FIELD"
    assert code(await one.revise(handler)) == "INVALID_FIELD"
    other = one.case
    await one.comes_in()
    assert code(await one.revise(handler, handOver=[{"task": f"{other}/tasks/1", "unit": f"units/{JUSTICE}"}])) == (
        "INVALID_FIELD"
    )


async def test_a_complaint_is_never_given_to_the_unit_it_is_about(one: Office) -> None:
    await one.comes_in(aboutUnit=f"units/{HOUSING}")
    handler = await one.at("handler")
    for change in ({"add": [new(HOUSING)]}, {"handOver": [{"task": one.task(1), "unit": f"units/{HOUSING}"}]}):
        assert code(await one.revise(handler, **change)) == "COMPLAINED_OF"
