"""Two stories of supervision through REST alone: an answer is reviewed twice, a meeting and what became of it."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from docx import Document

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients
from tests.patience import CALL
from tests.reviewing import CITY, PROVINCE, a_case
from tests.scenario import Desk, day, refused
from tests.scratch import Scratch
from tests.test_privacy import found_in

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
LABOUR = f"{COUNTY}-labour"
TOLD = {
    "查明路灯损坏两处，属实。", "十日内由养护单位修复。", "至今没有人来修，答复的期限早就过了。",
    "复查认为处理并无不当。", "市里没有到现场看过，请省里再看。", "程序已经走完，意见维持。", "会上逐项过了一遍台账。",
    "三日内约谈企业并落实工资保证金。",
}  # fmt: skip
"""What was told in the stories: nothing of it may lie open anywhere afterwards."""


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def say(desk: Desk, review: str, facts: str, conclusion: str, result: str = "") -> Any:
    """Draft what has to be said next, let the head of the unit sign it, and serve it; the reply."""
    decides = {"result": f"REVIEW_RESULT_{result}"} if result else {}
    drafted = await desk.post(
        f"{review}/replies", "handler", None, None, text={"facts": facts, "conclusion": conclusion}, **decides
    )
    assert not drafted["signer"]
    return await desk.post(f"{drafted['name']}:serve", "unit_head", medium="REPLY_MEDIUM_IN_PERSON")


async def test_an_answer_is_reviewed_twice_and_ends_with_a_final_notice(desk: Desk, clients: Clients) -> None:
    city, province = desk.at(CITY), desk.at(PROVINCE)
    opened = await desk.post("reviews", case=await clients.tell_of(a_case()), unit=f"units/{COUNTY}")
    review, receipt = opened["name"], f"reviewReceipts/{opened['receiptCode']}"
    with refused("WRONG_STATE"):
        await desk.post(f"{review}/appeals", text={"reasons": "太慢。"})
    facts, conclusion = "查明路灯损坏两处，属实。", "十日内由养护单位修复。"
    await say(desk, review, facts, conclusion)

    told = await desk.get(receipt, "citizen")
    assert (told["state"], told["mayAsk"]) == ("REVIEW_STATE_ANSWERED", True)
    assert told["askByTime"] <= told["dueTime"]
    asked = await desk.post(f"{receipt}:appeal", "citizen", text={"reasons": "至今没有人来修，答复的期限早就过了。"})
    assert (asked["askedBy"], asked["unit"]) == ("APPEALED_BY_PERSON", f"units/{CITY}")
    with refused("PERMISSION_DENIED"):  # not the unit it is about
        await say(desk, review, facts, conclusion, "UPHELD")
    await say(city, review, "复查认为处理并无不当。", conclusion, "UPHELD")

    second = await desk.post(f"{review}/appeals", text={"reasons": "市里没有到现场看过，请省里再看。"})
    assert second["unit"] == f"units/{PROVINCE}"
    with refused("PERMISSION_DENIED"):
        await desk.post(f"{second['name']}:read", "unit_head")
    assert (await province.post(f"{second['name']}:read", "handler"))["reasons"].startswith("市里没有")
    paused = await province.post(f"{review}:beginHearing", "handler", notice="notice-1")
    assert "dueTime" not in paused
    running = await province.post(f"{review}:endHearing", "handler", record="record-1")
    assert running["hearings"][0]["record"] == "record-1"
    await say(province, review, facts, conclusion, "UPHELD")

    assert (await desk.get(receipt, "citizen"))["state"] == "REVIEW_STATE_FINAL_NOTICE_DUE"
    notice = await say(province, review, facts, "程序已经走完，意见维持。")
    assert notice["kind"] == "REPLY_KIND_FINAL_NOTICE"
    refused_now = await desk.post(f"{review}/appeals", text={"reasons": "还是不服。"})
    assert refused_now["refusal"] == "APPEAL_REFUSAL_ENDED"
    assert "REVIEW_ROUTE_LITIGATION" in refused_now["routes"]
    ended = await desk.get(receipt, "citizen")
    assert (ended["state"], ended["mayAsk"], len(ended["routes"])) == ("REVIEW_STATE_ENDED", False, 3)

    word = await province.get(f"{notice['name']}/document", "handler")
    lines = [each.text for each in Document(io.BytesIO(base64.b64decode(word["content"]))).paragraphs]
    assert lines[1] == "信访事项复查复核终结告知书"
    assert "程序已经走完，意见维持。" in lines
    assert "同一事实和理由不再进行复查复核。" in lines
    kinds = [each["type"] for each in (await desk.get(f"{review}/timeline", "auditor"))["events"]]
    assert kinds.count("ReplyServed") == 4
    assert [each for each in kinds if each.startswith("Hearing")] == ["HearingBegun", "HearingEnded"]
    with refused("ALREADY_EXISTS"):
        await desk.post("reviews", case=opened["case"], unit=f"units/{COUNTY}")


async def test_a_monthly_dispatch_meeting_with_its_follow_ups(desk: Desk, stack: Stack) -> None:
    labour = desk.at(LABOUR)
    going_on = await desk.get("meetingSeries", "unit_head", unit=f"units/{COUNTY}", open=True)
    for each in going_on["meetingSeries"]:
        if each["unit"] == f"units/{COUNTY}":
            await desk.post(f"{each['name']}:end", "unit_head")
    series = await desk.post("meetingSeries", "unit_head", unit=f"units/{COUNTY}")
    assert (series["rule"], bool(series["nextPeriod"])) == ("monthly", True)
    matter = await in_the_ledger(stack)
    meeting = await desk.post(f"{series['name']}:prepareMeeting", "duty_officer", period=series["nextPeriod"])
    agenda = (await desk.get(f"{meeting['name']}/agendaItems", "unit_head", page_size=1000))["agendaItems"]
    item = next(each for each in agenda if each["subject"] == matter)
    assert item["reasons"] == ["AGENDA_REASON_OVERDUE", "AGENDA_REASON_HIGH_GRADE", "AGENDA_REASON_RETURNED"]
    again = await desk.post(f"{series['name']}:prepareMeeting", "unit_head", period=series["nextPeriod"])
    assert again["name"] == meeting["name"]

    decision = {
        "unit": f"units/{LABOUR}", "official": "demo-handler-labour", "due_date": day(10),
        "agenda_item": int(item["name"].rsplit("/", 1)[1]), "text": {"measure": "三日内约谈企业并落实工资保证金。"},
    }  # fmt: skip
    with refused("WRONG_STATE"):
        await desk.post(f"{meeting['name']}/decisions", "unit_head", **decision)
    held = await desk.post(f"{meeting['name']}:hold", "unit_head", attendees=[f"units/{LABOUR}", f"units/{COUNTY}001"])
    assert held["attendees"] == [f"units/{LABOUR}", f"units/{COUNTY}001"]  # in the order of their codes, no other
    made = await desk.post(f"{meeting['name']}/decisions", "unit_head", **decision)
    left = await desk.post(f"{meeting['name']}/decisions", "unit_head", **decision)
    await desk.post(f"{meeting['name']}:writeMinutes", "duty_officer", minutes={"text": "会上逐项过了一遍台账。"})

    assert (await labour.post(f"{made['name']}:read", "handler"))["measure"].startswith("三日内")
    await labour.post(f"{made['name']}:report", "handler", evidence="doc-1")
    with refused("PERMISSION_DENIED"):
        await labour.post(f"{made['name']}:verify", "reviewer", sufficient=True)
    done = await desk.post(f"{made['name']}:verify", "reviewer", sufficient=True)
    assert done["state"] == "DECISION_STATE_DONE"
    with refused("TASKS_OPEN"):
        await desk.post(f"{meeting['name']}:close", "unit_head")
    open_items = (await labour.get("meetings/-/decisions", "handler", open=True, page_size=1000))["decisions"]
    assert left["name"] in {each["name"] for each in open_items}
    assert made["name"] not in {each["name"] for each in open_items}
    await labour.post(f"{left['name']}:report", "handler", evidence="doc-2")
    await desk.post(f"{left['name']}:verify", "reviewer", sufficient=True)
    closed = await desk.post(f"{meeting['name']}:close", "unit_head")
    assert (closed["state"], closed.get("openDecisions", 0)) == ("MEETING_STATE_CLOSED", 0)
    foreign = await desk.at("620103").get("meetings", "auditor")
    assert not [each for each in foreign.get("meetings", []) if each["unit"] == f"units/{COUNTY}"]


async def in_the_ledger(stack: Stack) -> str:
    """Put a matter in the county's ledger that is overdue, of high grade and was returned twice; its name."""
    connection = await Scratch.main(stack).connect()
    try:
        number = f"matters-{COUNTY}-2025-{await connection.fetchval('SELECT count(*) FROM escalation.files') + 1:06}"
        await connection.execute("INSERT INTO escalation.files (number, unit) VALUES ($1, $2)", number, COUNTY)
        await connection.execute(
            """INSERT INTO escalation.matters
                   (number, state, level, keeper, unit, grade, returned, due_on, registered_at)
               VALUES ($1, 1, 'county', $2, $3, 3, 2, current_date - 3, now())""",
            number, COUNTY, LABOUR,
        )  # fmt: skip
        return number.replace("-", "/", 1)
    finally:
        await connection.close()


async def test_nothing_that_was_told_in_the_stories_lies_open_in_logs_workflows_or_tables(stack: Stack) -> None:
    secrets = {each: each for each in TOLD}
    for path in (*stack.folder.root.rglob("*temporal*"), *stack.folder.logs.glob("*.log")):
        if path.is_file():
            assert found_in(path.read_bytes(), secrets) == set(), path.name
    connection = await asyncpg.connect(stack.database_url)
    try:
        query = """SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
            WHERE table_type = 'BASE TABLE' AND table_schema = 'escalation'"""
        for (table,) in await connection.fetch(query):
            rows = await connection.fetch(f"SELECT t::text FROM {table} t")
            assert found_in("\n".join(row[0] for row in rows).encode(), secrets) == set(), table
    finally:
        await connection.close()
