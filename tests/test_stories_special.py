"""Stories of special handling, told through REST alone as a client app would.

A matter of the ledger is entered beside REST: who lists matters is another service's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from accord.embedded.stack import Stack
from services.kit.storage.database import Database
from tests.conftest import COUNTY, request_id
from tests.patience import CALL
from tests.scenario import Desk, day, refused
from tests.scratch import Scratch
from tests.special import BUREAU, listed_matter
from tests.test_privacy import found_in

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
UNIT, OWNER = f"units/{COUNTY}", f"units/{BUREAU}"
TOLD: set[str] = set()
"""What was written in the stories: nothing of it may lie open anywhere afterwards."""


def told(text: str) -> str:
    """Keep a text to look for afterwards, and return it."""
    TOLD.add(text)
    return text


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


@pytest.fixture
async def matter(stack: Stack) -> AsyncIterator[str]:
    """Return a matter that the county keeps and its labour bureau answers for."""
    database = Database(Scratch.main(stack).role("escalation"), 1)
    yield await listed_matter(database)
    await database.close()


async def happened(desk: Desk, matter: str) -> list[str]:
    """Return the kinds of what happened to a matter, in order."""
    return [event["type"] for event in (await desk.get(f"{matter}/timeline", "auditor"))["events"]]


def plan(*measures: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a plan as a client sends it."""
    text = {"facts": told("欠薪涉及二十一名工人"),
            "claims": [{"party": "party-1", "claim": told("先付两个月生活费")}],
            "legal_basis": "劳动合同法第三十条。", "options": told("先行垫付或者分期"),
            "fallback": told("告知可直接起诉")}  # fmt: skip
    checks = [{"party": "party-1", "may_sue": True, "told": True, "consents": True}]
    return {"measures": list(measures), "party_checks": checks, "cost_fen": 500_000_00,
            "fallback_route": "FALLBACK_ROUTE_COURT", "text": text, **fields}  # fmt: skip


def measure(unit: str, content: str, days: int = 20) -> dict[str, Any]:
    """Return a measure as a client sends it."""
    return {"unit": unit, "due_date": day(days), "kind": "pay", "content": told(content)}


async def test_a_plan_gets_a_second_version_with_a_diff_and_another_approver(desk: Desk, matter: str) -> None:
    first = f"{matter}/plans/1"
    housing = f"{UNIT}-housing"
    bureau, justice = desk.at(f"{COUNTY}-housing"), desk.at(f"{COUNTY}-justice")
    drafted = await desk.post(f"{matter}/plans", "handler", "drafter", None,
                              **plan(measure(OWNER, "核定工资清册"), measure(housing, "冻结工程款账户")))  # fmt: skip
    assert (drafted["state"], "text" in drafted, "content" in drafted["measures"][0]) == (
        "PLAN_STATE_DRAFTED", False, False)  # fmt: skip
    with refused("WRONG_STATE"):
        await desk.post(f"{first}:approve", "unit_head", "head", approved=True, reason="急。")
    sent = await desk.post(f"{first}:submit", "handler", "drafter")
    assert [each["unit"] for each in sent["countersignatures"]] == [housing, ""]
    with refused("COUNTERSIGN_MISSING"):
        await desk.post(f"{first}:approve", "unit_head", "head", approved=True, reason="急。")
    doubt = told("冻结须有裁定")
    signs: dict[str, Any] = {"unit": housing, "role": "COUNTERSIGN_ROLE_CO_UNIT", "agrees": False}
    with refused("REASON_REQUIRED"):
        await bureau.post(f"{first}:countersign", "unit_head", "housing-head", **signs)
    await bureau.post(f"{first}:countersign", "unit_head", "housing-head", **signs, opinion=doubt)
    signs = {"unit": f"{UNIT}-justice", "role": "COUNTERSIGN_ROLE_LEGAL_ADVISER", "agrees": True}
    with refused("SAME_PERSON"):
        await justice.post(f"{first}:countersign", "handler", "drafter", **signs)
    await justice.post(f"{first}:countersign", "unit_head", "lawyer", **signs)
    with refused("SAME_PERSON"):
        await desk.post(f"{first}:approve", "unit_head", "drafter", approved=True, reason="急。")
    approved = await desk.post(f"{first}:approve", "unit_head", "head", approved=True, reason=told("依法先垫付"))
    assert (approved["state"], approved["approver"]) == ("PLAN_STATE_APPROVED", "head")
    clocks = await desk.get("clocks/escalation", "auditor", case=matter, running=True)
    assert [clock["name"].split(".")[1] for clock in clocks["clocks"]] == ["measure-1-1", "measure-1-2"]

    # The bureau finds it does not do: a second version, which another one approves.
    second, changed = f"{matter}/plans/2", plan(measure(OWNER, "核定工资清册", 30), cost_fen=300_000_00)
    changed["text"]["options"] = told("由工资保证金支付")
    await desk.post(f"{matter}/plans", "handler", "drafter", None, **changed)
    await desk.post(f"{second}:submit", "handler", "drafter")
    await justice.post(f"{second}:countersign", "unit_head", "lawyer", **signs)
    await desk.post(f"{second}:approve", "supervisor", "deputy", approved=True, reason=told("保证金足够"))
    difference = await desk.get(f"{matter}/plans:diff", "handler", base=1, other=2)
    assert (difference["baseApprover"], difference["otherApprover"]) == ("head", "deputy")
    fields = {each["field"]: (each["base"], each["other"]) for each in difference["differences"]}
    assert list(fields) == ["text.options", "measures[1].due_date", "cost_fen", "measures[2].unit",
                            "measures[2].due_date", "measures[2].kind", "measures[2].content"]  # fmt: skip
    assert fields["text.options"] == ("先行垫付或者分期", "由工资保证金支付")
    assert fields["measures[2].content"] == ("冻结工程款账户", "")
    versions = (await desk.get(f"{matter}/plans", "auditor"))["plans"]
    assert [each["state"] for each in versions] == ["PLAN_STATE_SUPERSEDED", "PLAN_STATE_APPROVED"]
    assert {each["state"] for each in versions[0]["measures"]} == {"PLAN_MEASURE_STATE_DROPPED"}
    clocks = await desk.get("clocks/escalation", "auditor", case=matter, running=True)
    assert [clock["name"].split(".")[1] for clock in clocks["clocks"]] == ["measure-2-1"]

    # Carried out, and assessed by somebody else than who did it.
    owner = desk.at(BUREAU)
    with refused("WRONG_STATE"):
        await owner.post(f"{first}/measures/1:report", "handler", "worker", evidence="doc-1")
    done = await owner.post(f"{second}/measures/1:report", "handler", "worker", evidence="slip-7")
    assert done["state"] == "PLAN_STATE_EXECUTED"
    with refused("SAME_PERSON"):
        await desk.post(f"{second}:assess", "reviewer", "worker", assessment="PLAN_ASSESSMENT_EFFECTIVE", reason="好")
    await desk.post(f"{second}:assess", "reviewer", "assessor", assessment="PLAN_ASSESSMENT_EFFECTIVE",
                    reason=told("工资已经付清"))  # fmt: skip
    text = await desk.get(f"{first}/text", "reviewer")
    assert (text["approvalReason"], text["opinions"][0]["opinion"]) == ("依法先垫付", doubt)
    with refused("PERMISSION_DENIED"):
        await desk.get(f"{first}/text", "auditor")
    assert (await happened(desk, matter))[-2:] == ["PlanAssessed", "PlanTextRead"]


async def test_a_lead_official_hands_over_in_the_middle(desk: Desk, matter: str) -> None:
    lead, force = f"{matter}/lead", f"{matter}/taskForce"
    with refused("INVALID_FIELD"):  # of a unit below the one that keeps the matter
        await desk.post(f"{lead}:assign", "unit_head", "head", unit=OWNER, official="vice", office="vice-head")
    await desk.post(f"{lead}:assign", "unit_head", "head", unit=UNIT, official="vice", office="vice-head")
    note = {"kind": "LEAD_NOTE_KIND_FIRST_LOOK", "text": told("已到工地查看")}
    with refused("NOT_THE_LEAD"):
        await desk.post(f"{lead}/notes", "unit_head", "head", **note)
    await desk.post(f"{lead}/notes", "unit_head", "vice", **note)
    with refused("INVALID_FIELD"):
        await desk.post(f"{lead}/notes", "unit_head", "vice", kind="LEAD_NOTE_KIND_CONTACT", text="见面。")
    before = {each["clock"]: each["dueTime"] for each in (await desk.get(lead, "auditor"))["due"]}
    assert [clock.split(".")[1] for clock in before] == ["contact-1", "note-1"]

    await desk.post(f"{force}:order", "unit_head", "head", reason="several-units")
    office = {"unit": UNIT, "official": "vice", "office": "vice-head"}
    await desk.post(f"{force}:setUp", "unit_head", "head", leader=office, secretary=office, units=[OWNER])
    held = await desk.post(f"{force}/meetings", "unit_head", "head", units=[UNIT, OWNER])
    decided = {"unit": OWNER, "due_date": day(9), "kind": "inspect", "content": told("三日内核对考勤")}
    minutes = await desk.post(f"{held['name']}:recordMinutes", "unit_head", "head",
                              minutes=told("会议认为应当先付"), decisions=[decided])  # fmt: skip
    (task,) = minutes["tasks"]

    # The secretary writes the minutes, whatever unit and post they have; nobody else of that unit does.
    secretary = {"unit": OWNER, "official": "writer", "office": "secretary"}
    await desk.post(f"{force}:change", "unit_head", "head", secretary=secretary)
    below = desk.at(OWNER.removeprefix("units/"))
    with refused("PERMISSION_DENIED"):
        await below.post(f"{force}/meetings", "clerk", "somebody", units=[UNIT, OWNER])
    second = await below.post(f"{force}/meetings", "clerk", "writer", units=[UNIT, OWNER])
    with refused("PERMISSION_DENIED"):
        await below.post(f"{second['name']}:recordMinutes", "reviewer", "somebody", minutes=told("另记"))
    assert await below.post(f"{second['name']}:recordMinutes", "clerk", "writer", minutes=told("会议听取进展"))
    with refused("PERMISSION_DENIED"):
        await below.post(f"{force}/tasks", "clerk", "writer", **decided)

    offered = await desk.post(f"{lead}:handOver", "unit_head", "vice", unit=UNIT, official="successor",
                              office="vice-head", reason="change-of-office",
                              text=told("工人代表希望月底前见面"))  # fmt: skip
    assert (offered["official"], offered["handOver"]["openItems"]) == ("vice", [task])
    assert {each["clock"] for each in offered["handOver"]["open"]} >= set(before)
    with refused("NOT_THE_LEAD"):
        await desk.post(f"{lead}:answerHandOver", "unit_head", "vice", accepted=True)
    # Until it is accepted the predecessor has it, and nobody is without.
    meeting = {"kind": "LEAD_NOTE_KIND_CONTACT", "form": "LEAD_CONTACT_FORM_VISITED", "text": told("走访两户工人")}
    with refused("NOT_THE_LEAD"):
        await desk.post(f"{lead}/notes", "unit_head", "successor", **meeting)
    assert (await desk.get(f"{offered['handOver']['name']}/text", "unit_head", "successor"))["text"]
    accepted = await desk.post(f"{lead}:answerHandOver", "unit_head", "successor", accepted=True)
    assert accepted["official"] == "successor"
    assert {each["clock"]: each["dueTime"] for each in accepted["due"]} == before

    # Who stands in for the lead official records notes for as long as that lasts, under the own account.
    with refused("NOT_THE_LEAD"):
        await desk.post(f"{lead}/notes", "unit_head", "stand-in", **meeting)
    await desk.post(
        "absences", "duty_officer", unit=UNIT, official="successor", cover="stand-in", first_date=day(0),
        last_date=day(3),
    )  # fmt: skip
    await desk.post(f"{lead}/notes", "unit_head", "stand-in", **meeting)
    with refused("NOT_THE_LEAD"):
        await desk.post(f"{lead}/notes", "unit_head", "vice", **meeting)
    await desk.post(f"{lead}/notes", "unit_head", "successor", **meeting)
    await desk.post(f"{lead}/notes", "unit_head", "successor", kind="LEAD_NOTE_KIND_MONTHLY", text=told("本月进展"))
    led = await desk.get(lead, "auditor")
    assert ([each["clock"].split(".")[1] for each in led["due"]], led["notes"]) == (["note-2"], 1)

    # What a lead may not do: give the legal opinion, or say that the matter is at an end.
    reasons = {"reason": told("等待另案判决"), "conditions": told("判决生效后恢复")}
    begun = await desk.post(f"{matter}/monitorings", "unit_head", "head", reason="waits-for-court",
                            interval="MONITORING_INTERVAL_QUARTER", text=reasons)  # fmt: skip
    with refused("ROLE_BARRED"):
        await desk.post(f"{begun['name']}:end", "unit_head", "successor", end="MONITORING_STATE_LAWFULLY_ENDED",
                        reason="到此为止。")  # fmt: skip
    listed = await desk.get("matters/-/monitorings", "supervisor")
    assert begun["name"] in [each["name"] for each in listed["monitorings"]]
    history = await happened(desk, matter)
    assert history.index("LeadOffered") < history.index("LeadHandOverAnswered") < history.index("MonitoringBegun")


async def test_an_expert_recuses_the_next_is_drawn_the_opinion_is_not_adopted_with_a_reason(
    desk: Desk, matter: str
) -> None:
    field = f"safety-{''.join(each for each in request_id() if each.isalpha())}"[:40]
    name = told("专家司徒验楼")
    users, offices = {}, {"one": desk.at(f"{COUNTY}-housing"), "two": desk.at(f"{COUNTY}-emergency")}
    for unit, user in ((f"{UNIT}-housing", "one"), (f"{UNIT}-emergency", "two"), (OWNER, "own")):
        entered = await desk.post("experts", "unit_head", None, None, unit=unit, fields=[field], user=user,
                                  display_name=name)  # fmt: skip
        users[entered["name"]] = user
        assert "displayName" not in entered
    with refused("PERSONAL_DATA"):
        await desk.post(f"{matter}/consultations", "handler", "asker", unit=UNIT, field=field,
                        text={"questions": ["能否继续居住？"], "file": "住户电话139 0417 7377。"})  # fmt: skip
    text = {"questions": [told("能否继续居住")], "file": told("三层砖混，裂缝十二毫米")}
    asked = await desk.post(f"{matter}/consultations", "handler", "asker", unit=UNIT, field=field, text=text)
    one = asked["name"]
    drawn = await desk.post(f"{one}:draw", "handler", "asker")
    draw = await desk.get(f"{one}/draw", "auditor")
    # Anybody can check it; nobody of the bureau that answers for the matter is in it.
    order = [each["expert"] for each in draw["order"]]
    assert order == sorted(order, key=lambda each: hashlib.sha256(f"{draw['seed']}/{each}".encode()).hexdigest())
    assert {users[each] for each in order} == {"one", "two"}
    first, second = (users[each] for each in order)
    assert users[drawn["expert"]] == first
    here, there = offices[first], offices[second]

    with refused("PERMISSION_DENIED"):
        await there.post(f"{one}:accept", "handler", second)
    with refused("NOT_THE_EXPERT"):
        await here.post(f"{one}:accept", "handler", "a-colleague")
    assert (await here.get(f"{one}/text", "handler", first))["questions"] == ["能否继续居住"]
    recused = await here.post(f"{one}:recuse", "handler", first, reason="RECUSAL_REASON_INTEREST")
    assert (users[recused["expert"]], recused["state"]) == (second, "CONSULTATION_STATE_DRAWN")
    with refused("PERMISSION_DENIED"):
        await here.post(f"{one}:accept", "handler", first)
    await there.post(f"{one}:accept", "handler", second)
    with refused("WRONG_STATE"):
        await desk.post(f"{one}:recordAdoption", "handler", "asker", adoption="OPINION_ADOPTION_ADOPTED", reason="好。")
    await there.post(f"{one}:signOpinion", "handler", second, text=told("加固后可以居住"))
    with refused("INVALID_FIELD"):
        await desk.post(f"{one}:recordAdoption", "handler", "asker", adoption="OPINION_ADOPTION_NOT_ADOPTED")
    closed = await desk.post(f"{one}:recordAdoption", "handler", "asker",
                             adoption="OPINION_ADOPTION_NOT_ADOPTED", reason=told("住户不愿加固期间搬离"))  # fmt: skip
    assert closed["state"] == "CONSULTATION_STATE_ANSWERED"
    opinion = await desk.get(f"{one}/opinion", "handler", "asker")
    assert (opinion["text"], opinion["binding"], opinion["adoptionReason"]) == (
        "加固后可以居住", False, "住户不愿加固期间搬离")  # fmt: skip
    states = [each["state"] for each in (await desk.get(f"{one}/draw", "auditor"))["order"]]
    assert states == ["EXPERT_ASK_STATE_RECUSED", "EXPERT_ASK_STATE_ACCEPTED"]
    identity = await desk.get(f"{order[0]}/identity", "unit_head")
    assert identity["displayName"] == name


async def test_a_case_waits_for_an_expert_where_its_rule_lets_it_and_by_whoever_may_pause_it(desk: Desk) -> None:
    case = await desk.open("labour", "工伤等级有争议。", people_affected=8)  # of medium grade: its rule lists the cause
    field = f"medicine-{''.join(each for each in request_id() if each.isalpha())}"[:40]
    await desk.post("experts", "unit_head", None, None, unit=f"{UNIT}-health", fields=[field], user="doctor",
                    display_name=told("专家慎医"))  # fmt: skip
    asks = {"unit": UNIT, "field": field, "text": {"questions": [told("伤情能否好转")], "file": told("右手两指骨折")}}
    with refused("CLOCK_NOT_RUNNING"):  # a case's clocks are mediation's
        await desk.post(f"{case.name}/consultations", "mediator", "asker", **asks, clocks=["close"])
    one = (await desk.post(f"{case.name}/consultations", "mediator", "asker", **asks))["name"]
    close = f"clocks/mediation/{case.name.removeprefix('cases/')}.close"
    paused = await desk.post(f"{close}:pause", "handler", None, None, cause="expert", evidence=one)
    assert paused["state"] == "CLOCK_STATE_PAUSED"
    await desk.post(f"{one}:draw", "mediator", "asker")
    clinic = desk.at(f"{COUNTY}-health")
    await clinic.post(f"{one}:accept", "handler", "doctor")
    await clinic.post(f"{one}:signOpinion", "handler", "doctor", text=told("半年后可以恢复"))
    assert (await desk.post(f"{close}:resume", "handler"))["state"] == "CLOCK_STATE_RUNNING"
    found = (await desk.get(f"{case.name}/consultations", "mediator", "asker"))["consultations"]
    assert [each["name"] for each in found] == [one]


async def test_nothing_that_was_written_in_the_stories_lies_open_anywhere(stack: Stack) -> None:
    secrets = {each: each for each in TOLD}
    assert len(secrets) >= 20
    logs = [*stack.folder.logs.glob("*.log"), stack.folder.root / "spans.jsonl"]
    workflows = [path for path in stack.folder.root.rglob("*temporal*") if path.is_file()]
    for path in (*logs, *workflows):
        assert found_in(path.read_bytes(), secrets) == set(), path.name
    connection = await asyncpg.connect(stack.database_url)
    try:
        query = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'escalation'"
        for (table,) in await connection.fetch(query):
            rows = await connection.fetch(f"SELECT t::text FROM {table} t")
            assert found_in("\n".join(row[0] for row in rows).encode(), secrets) == set(), table
    finally:
        await connection.close()
