"""Running cases move to another plan type: mapped, previewed, approved by another, in batches, reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from accord.commands.plans_command import plans_app
from accord.embedded.stack import Stack
from casework.case import Stage, TaskState
from casework.errors import CaseError
from casework.mediation.plan import PlanState, PlanTemplate, TaskTemplate
from casework.mediation.plans.moving import Held, Move, MoveKind, may_move, moves, whole
from tests.conftest import COUNTY
from tests.outside import Desk
from tests.patience import PATIENCE

# --- the rule ---------------------------------------------------------------------------------------------------------


def step(key: str, words: str = "", **fields: Any) -> TaskTemplate:
    """Return a step."""
    return TaskTemplate(key, words or key, words or key, "accountable", 3, "e", "e", **fields)


OLD = PlanTemplate("wages", "1", "z", "e", ("labour",), frozenset(), (step("look"), step("ledger"), step("pay")))
NEW = replace(OLD, version="2", tasks=(step("visit"), step("pay", "pay in full", milestone=True), step("check")))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "migration.mappings"),
        ([("look", "visit")], "migration.mappings"),
        ([("look", "visit"), ("ledger", ""), ("pay", "moon")], "migration.mappings[2].becomes"),
        ([("look", "visit"), ("ledger", "visit")], "migration.mappings[1].becomes"),
        ([("look", "pay"), ("ledger", "")], "migration.mappings"),
        ([("look", "visit"), ("look", "check"), ("ledger", "")], "migration.mappings[1].step"),
        ([("moon", "visit"), ("look", ""), ("ledger", "")], "migration.mappings[0].step"),
    ],
)
def test_a_mapping_that_forgets_a_step_or_gives_it_twice_names_its_entry(
    given: list[tuple[str, str]], field: str
) -> None:
    with pytest.raises(CaseError) as caught:
        whole(OLD, NEW, given)
    assert [fault.field for fault in caught.value.fields] == [field]


def test_cases_move_to_a_published_version_and_to_another_one() -> None:
    for new in (replace(NEW, state=PlanState.DRAFT), replace(NEW, state=PlanState.RETIRED)):
        with pytest.raises(CaseError, match="NOT_PUBLISHED"):
            whole(OLD, new, [("look", "visit"), ("ledger", "")])
    with pytest.raises(CaseError) as caught:
        whole(OLD, OLD, [])
    assert caught.value.fields[0].field == "migration.to_type"


def moved(*states: tuple[str, TaskState]) -> list[tuple[MoveKind, int, str]]:
    """Return what happens to tasks in these states, one of each step."""
    mapping = whole(OLD, NEW, [("look", "visit"), ("ledger", "")])
    held = [Held(number, key, state) for number, (key, state) in enumerate(states, start=1)]
    return [(each.kind, each.task, each.then.key if each.then else "") for each in moves(held, OLD, NEW, mapping)]


def test_what_is_done_stays_and_counts_and_only_what_runs_becomes_another_step() -> None:
    run, done = TaskState.SIGNED, TaskState.VERIFIED
    assert moved(("look", run), ("ledger", run), ("pay", run), ("added", run)) == [
        (MoveKind.CHANGED, 1, "visit"), (MoveKind.WITHDRAWN, 2, ""), (MoveKind.CHANGED, 3, "pay"),
        (MoveKind.ADDED, 0, "check"),
    ]  # fmt: skip
    assert moved(("look", done), ("ledger", TaskState.CANCELLED), ("pay", done)) == [
        (MoveKind.KEPT, 1, "visit"), (MoveKind.KEPT, 2, ""), (MoveKind.KEPT, 3, "pay"), (MoveKind.ADDED, 0, "check"),
    ]  # fmt: skip
    with pytest.raises(CaseError, match="TASK_REPORTED"):
        moved(("look", TaskState.REPORTED))


def test_a_case_in_review_or_with_an_open_change_or_nothing_left_does_not_move() -> None:
    gone = [Move(MoveKind.WITHDRAWN, 1, "look", None)]
    for stage, is_open, found, reason in (
        (Stage.CLOSE_REVIEW, False, [], "WRONG_STATE"), (Stage.HANDLING, True, [], "PLAN_CHANGE_OPEN"),
        (Stage.HANDLING, False, gone, "PLAN_EMPTY"),
    ):  # fmt: skip
        with pytest.raises(CaseError, match=reason):
            may_move(stage, is_open, {1: TaskState.SIGNED}, found)


# --- by token alone ---------------------------------------------------------------------------------------------------

WAGES, GENERAL = (f"planTypes/{each}/versions/2026-11" for each in ("wages", "general"))
MAPPING = [
    {"step": "verify-arrears", "becomes": "verify-facts"},
    {"step": "payroll"},
    {"step": "payment", "becomes": "check-performance"},
]
REASON = "方案类型调整〔2026〕3号"


@dataclass
class Hall:
    """A township's cases of wages, and the people around them."""

    stack: Stack
    open: AsyncExitStack
    language: str
    unit: str

    async def at(self, role: str, unit: str = COUNTY, sub: str | None = None) -> Desk:
        """Return somebody's desk."""
        return await self.open.enter_async_context(Desk(self.stack, role, unit, sub, self.language))

    async def case(self) -> str:
        """Open a case with the plan for wages, and return its name."""
        clerk, duty = await self.at("clerk", "62"), await self.at("duty_officer", "62")
        fields = {"category": "categories/labour", "peopleAffected": 8, "unit": f"units/{self.unit}"}
        filed = await clerk.file("工地拖欠八个人的工资。", **fields)
        await duty.does(filed["name"], "accept")
        case = str(filed["name"].replace("reports/", "cases/"))
        async with asyncio.timeout(PATIENCE):
            while (await duty.gets(f"/v1/{case}")).status_code != 200:
                await asyncio.sleep(0.1)
        return case

    def asked(self, **fields: Any) -> dict[str, Any]:
        """Return a migration that is proposed."""
        told = {"unit": f"units/{self.unit}", "fromType": WAGES, "toType": GENERAL, "mappings": MAPPING}
        return {**told, "reason": REASON, **fields}

    async def approved(self) -> str:
        """Return an approved migration."""
        asked = await (await self.at("operator")).puts("/v1/planMigrations", **self.asked())
        await (await self.at("unit_head")).does(asked["name"], "decide", approved=True)
        return str(asked["name"])


@pytest.fixture(params=["zh", "en"])
async def hall(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    """Return the township in both languages."""
    async with AsyncExitStack() as stacked:
        yield Hall(stack, stacked, request.param, f"{COUNTY}00{2 if request.param == 'zh' else 3}")


@pytest.fixture
async def one(stack: Stack) -> AsyncIterator[Hall]:
    """Return another township, in Chinese."""
    async with AsyncExitStack() as stacked:
        yield Hall(stack, stacked, "zh", f"{COUNTY}004")


def code(answer: httpx.Response) -> str:
    """Return the code by which a call was refused."""
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


async def test_a_migration_is_previewed_approved_by_another_run_in_batches_and_reported(hall: Hall) -> None:
    operator, head = await hall.at("operator"), await hall.at("unit_head", sub="head-one")
    handler, far = await hall.at("handler"), await hall.at("unit_head", "620103")
    free, busy, asking = [await hall.case() for _ in range(3)]
    await handler.does(f"{free}/tasks/1", "sign")
    for verb, fields in (("sign", {}), ("report", {"evidence": "清单一份"})):
        await handler.does(f"{busy}/tasks/1", verb, **fields)
    dropped = {"withdraw": [{"task": f"{asking}/tasks/4", "reason": "不需要了"}]}
    change = await handler.does(f"{asking}/plan", "revise", revision=dropped, reason="已付清。", propose=True)

    forgotten = await operator.sends("/v1/planMigrations", **hall.asked(mappings=MAPPING[1:]))
    assert (code(forgotten), "verify-arrears" in forgotten.text) == ("STEP_UNMAPPED", True)
    missing = await operator.sends("/v1/planMigrations", **hall.asked(toType="planTypes/general/versions/1999"))
    assert code(missing) == "NOT_FOUND"
    for desk in (far, handler):
        assert code(await desk.sends("/v1/planMigrations", **hall.asked())) == "PERMISSION_DENIED"
    asked = await operator.puts("/v1/planMigrations", **hall.asked())
    assert (asked["state"], asked["left"]) == ("PLAN_MIGRATION_STATE_PROPOSED", 3)
    for desk in (far, handler):
        assert code(await desk.gets(f"/v1/{asked['name']}:preview")) == "PERMISSION_DENIED"
    assert asked["name"] not in (await far.gets("/v1/planMigrations?pageSize=1000")).text

    shown = await head.reads(f"/v1/{asked['name']}:preview?pageSize=2")
    rest = await head.reads(f"/v1/{asked['name']}:preview?pageToken={shown['nextPageToken']}")
    cases = {each["case"]: each for each in shown["cases"] + rest["cases"]}
    assert (shown["left"], set(cases)) == (3, {free, busy, asking})
    kinds = [(each["kind"][15:], each.get("stepAfter", "")) for each in cases[free]["moves"]]
    assert kinds == [
        ("CHANGED", "verify-facts"), ("WITHDRAWN", ""), ("CHANGED", "mediate"), ("CHANGED", "check-performance"),
        ("ADDED", "legal-view"),
    ]  # fmt: skip
    first, added = cases[free]["moves"][0], cases[free]["moves"][4]
    words = {"zh": ("核实用工关系、人数和金额", "核实事实和各方诉求"), "en": (
        "Establish who worked for whom, how many are owed and how much",
        "Establish the facts and what each side asks for",
    )}  # fmt: skip
    assert (first["measureBefore"], first["measureAfter"]) == words[hall.language]
    assert added["unit"] == f"units/{COUNTY}-justice"
    assert [cases[each]["obstacle"] for each in (busy, asking)] == ["TASK_REPORTED", "PLAN_CHANGE_OPEN"]
    assert ("先核验" if hall.language == "zh" else "verify it first") in cases[busy]["obstacleText"]

    assert code(await operator.tries(asked["name"], "run")) == "WRONG_STATE"
    assert code(await operator.tries(asked["name"], "decide", approved=True)) == "PERMISSION_DENIED"
    assert code(await head.tries(asked["name"], "decide", approved=True, etag="7")) == "ETAG_MISMATCH"
    await head.does(asked["name"], "decide", approved=True, etag=asked["etag"])
    before = await running(handler, free)
    rows, more = [], True
    while more:
        told = await operator.does(asked["name"], "run", maxCases=2)
        rows, more = rows + told["rows"], told.get("more", False)
    assert {each["case"]: each["obstacle"] for each in rows} == {
        free: "", busy: "TASK_REPORTED", asking: "PLAN_CHANGE_OPEN"
    }  # fmt: skip

    plan = await handler.reads(f"/v1/{free}/plan")
    assert (plan["template"], plan["version"], len(plan["tasks"])) == ("general", 2, 5)
    assert [each["templateKey"] for each in plan["tasks"]] == [
        "verify-facts", "payroll", "mediate", "check-performance", "legal-view",
    ]  # fmt: skip
    assert (plan["tasks"][0]["state"], plan["tasks"][1]["state"]) == ("TASK_STATE_SIGNED", "TASK_STATE_CANCELLED")
    after = await running(handler, free)
    assert {key: due for key, due in after.items() if not key.startswith("task-5.")} == {
        key: due for key, due in before.items() if not key.startswith("task-2.")
    }
    last = (await handler.reads(f"/v1/{free}/plan/versions"))["versions"][-1]
    assert (last["cause"], last["migration"], last["reason"]) == ("PLAN_CAUSE_MIGRATED", asked["name"], REASON)
    assert ("operator" in last["madeBy"], "head-one" in last["approvedBy"]) == (True, True)
    assert [(each["kind"][15:], each["stepBefore"], each["stepAfter"]) for each in last["diffs"]] == [
        ("CHANGED", "verify-arrears", "verify-facts"), ("WITHDRAWN", "payroll", ""), ("CHANGED", "mediate", "mediate"),
        ("CHANGED", "payment", "check-performance"), ("ADDED", "", "legal-view"),
    ]  # fmt: skip
    await (await hall.at("handler", f"{COUNTY}-justice")).does(f"{free}/tasks/5", "sign")

    # What was in the way is done; the next round takes those cases, and there is nothing left then.
    await (await hall.at("reviewer")).does(f"{busy}/tasks/1", "verify", sufficient=True)
    await handler.does(change["name"], "withdraw")
    told = await operator.does(asked["name"], "run")
    assert (told["migration"]["state"], told["migration"]["moved"]) == ("PLAN_MIGRATION_STATE_DONE", 3)
    assert [(await handler.reads(f"/v1/{busy}/plan"))["tasks"][0][key] for key in ("state", "templateKey")] == [
        "TASK_STATE_VERIFIED", "verify-arrears",
    ]  # fmt: skip
    assert (await operator.does(asked["name"], "run"))["rows"] == []
    report = await (await hall.at("supervisor", "6201")).reads(f"/v1/{asked['name']}/rows")
    assert {each["case"] for each in report["rows"] if each["planVersion"] > 1} == {free, busy, asking}
    assert (await operator.reads(f"/v1/{asked['name']}/rows?obstacles=true"))["rows"] == []


async def running(desk: Desk, case: str) -> dict[str, str]:
    """Return the dates of the running clocks of tasks of a case, by key."""
    told = (await desk.reads(f"/v1/clocks/mediation?case={case}&running=true&pageSize=200"))["clocks"]
    found = {each["name"].partition(".")[2]: each.get("dueTime", "") for each in told}
    return {key: due for key, due in found.items() if key.startswith("task-")}


async def test_runs_at_once_broken_off_and_repeated_move_each_case_once_also_while_its_plan_changes(one: Hall) -> None:
    cases = [await one.case() for _ in range(4)]
    name = await one.approved()
    operator, head, handler = await one.at("operator"), await one.at("unit_head"), await one.at("handler")
    extra = {"measure": "到工地核对考勤。", "unit": f"units/{one.unit}", "days": 5, "evidenceRequired": "核对表"}

    async def broken_off() -> None:
        try:
            await asyncio.wait_for(operator.tries(name, "run", maxCases=2), 0.05)
        except TimeoutError:
            return

    revise = handler.tries(f"{cases[3]}/plan", "revise", revision={"add": [extra]}, reason="现场情况有变。")
    answers = await asyncio.gather(revise, broken_off(), head.does(name, "run", maxCases=2), broken_off())
    assert answers[0].status_code == 200, answers[0].text
    more = True
    while more or (await head.reads(f"/v1/{name}"))["state"] != "PLAN_MIGRATION_STATE_DONE":
        more = (await operator.does(name, "run", maxCases=1)).get("more", False)
    for case in cases:
        versions = (await handler.reads(f"/v1/{case}/plan/versions"))["versions"]
        assert [each["cause"] for each in versions].count("PLAN_CAUSE_MIGRATED") == 1, case
    keys = [each["templateKey"] for each in (await handler.reads(f"/v1/{cases[3]}/plan"))["tasks"]]
    assert (keys.count("added"), keys.count("legal-view")) == (1, 1)
    assert (await head.reads(f"/v1/{name}"))["moved"] == 4


async def test_on_the_machine_it_is_previewed_and_run_by_command(one: Hall) -> None:
    case, held = await one.case(), await one.case()
    handler = await one.at("handler")
    await handler.does(f"{held}/tasks/1", "sign")
    await handler.does(f"{held}/tasks/1", "report", evidence="清单一份")
    name, state = await one.approved(), str(one.stack.folder.root)
    shown = await command("preview", name, "--state", state)
    assert (shown.exit_code, shown.stdout.splitlines()) == (0, [
        f"{case}  1 added, 3 changed, 1 withdrawn", f"{held}  TASK_REPORTED", "1 would move, 1 cannot move now",
    ])  # fmt: skip
    told = await command("run", name, "--state", state, "--batch", "1", "--json")
    assert (told.exit_code, {each["case"]: each.get("obstacle", "") for each in json.loads(told.stdout)}) == (
        1, {case: "", held: "TASK_REPORTED"}
    )  # fmt: skip


async def command(*words: str) -> Result:
    """Run `accord plans`, in a thread: a command runs an event loop where the test has one."""
    return await asyncio.to_thread(CliRunner().invoke, plans_app, list(words))


async def test_the_unit_complained_of_does_not_move_the_matter_and_who_asks_does_not_approve(one: Hall) -> None:
    clerk, duty = await one.at("clerk", "62"), await one.at("duty_officer", "62")
    she = await one.at("unit_head", sub="she")
    filed = await clerk.file(
        "街道办扣了八个人的工资。", category="categories/labour", peopleAffected=8, unit=f"units/{one.unit}",
        aboutUnit=f"units/{COUNTY}-housing",
    )  # fmt: skip
    await duty.does(filed["name"], "accept")
    case = filed["name"].replace("reports/", "cases/")
    async with asyncio.timeout(PATIENCE):
        while (await duty.gets(f"/v1/{case}")).status_code != 200:
            await asyncio.sleep(0.1)
    asked = await she.puts("/v1/planMigrations", **one.asked())
    assert code(await she.tries(asked["name"], "decide", approved=True)) == "SAME_PERSON"
    housing = await one.at("unit_head", f"{COUNTY}-housing")
    assert code(await housing.gets(f"/v1/{asked['name']}:preview")) == "PERMISSION_DENIED"
    he = await one.at("unit_head", sub="he")
    assert (await he.does(asked["name"], "decide", approved=False))["state"] == "PLAN_MIGRATION_STATE_REFUSED"
    assert code(await he.tries(asked["name"], "run")) == "WRONG_STATE"
