"""Evidence of any kind that a task is done, every report of it kept; a pause stops the one clock that it names."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY
from tests.scratch import Scratch
from tests.test_plans import JUSTICE, LABOUR, Office, code, new

WORDS = "已逐人核对。\n八人合计拖欠 96,000 元。ཐོ་གཞུང་གསལ་བཤད།"


@pytest.fixture(params=["zh", "en"])
async def office(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """Return the office in both languages, with a case."""
    async with AsyncExitStack() as stacked:
        found = Office(stack, stacked, request.param)
        await found.comes_in()
        yield found


def paper(text: str) -> dict[str, object]:
    """Return a file that is stored as evidence."""
    content = base64.b64encode(text.encode()).decode()
    return {"evidence": {"type": "FILE_TYPE_TEXT", "title": "核对表"}, "content": content}


async def test_a_co_unit_shows_by_words_papers_and_files_what_it_did_and_no_report_of_it_is_lost(
    office: Office,
) -> None:
    labour, handler, reviewer = (
        await office.at("handler", LABOUR),
        await office.at("handler"),
        await office.at("reviewer"),
    )
    task = office.task(2)
    await labour.does(task, "sign")
    file = (await labour.puts(f"/v1/{office.case}/evidence", **paper("考勤核对表"))).get("name")
    for given in ({}, {"evidenceText": "  "}, {"evidence": " a"}, {"evidenceText": "x" * 4001},
                  {"evidenceFiles": [f"{office.case}/tasks/1"]}, {"evidenceFiles": [file, file]}):  # fmt: skip
        assert code(await labour.tries(task, "report", **given)) == "INVALID_FIELD", given
    assert code(await labour.tries(task, "report", evidenceFiles=[f"{office.case}/evidence/99"])) == "NOT_FOUND"
    mine = office.case
    await office.comes_in()
    theirs = (await handler.puts(f"/v1/{office.case}/evidence", **paper("别案材料")))["name"]
    assert code(await labour.tries(task, "report", evidenceFiles=[theirs])) == "INVALID_FIELD"
    office.case = mine

    answer = await labour.does(task, "report", evidenceText=WORDS)
    assert (answer["state"], answer["evidence"], answer["reports"]) == ("TASK_STATE_REPORTED", "", [])
    (shown,) = (await reviewer.reads(f"/v1/{task}"))["reports"]
    assert (shown["evidenceText"], shown["evidenceFiles"]) == (WORDS, [])
    await reviewer.does(task, "verify", sufficient=False)
    more = {"evidence": "人社核〔2026〕7号", "furtherEvidence": ["工资台账 3 页", "Bank slips 12–19"]}
    await labour.does(task, "report", **more, evidenceFiles=[file])
    await reviewer.does(task, "verify", sufficient=True)
    first, last = (await handler.reads(f"/v1/{task}"))["reports"]
    assert (first["evidenceText"], first["evidence"]) == (WORDS, "")
    assert (last["evidence"], last["furtherEvidence"], last["evidenceFiles"]) == (
        more["evidence"], more["furtherEvidence"], [file],
    )  # fmt: skip
    # Whoever reads what happened and not what was told sees that it was reported, and the number of the paper.
    told = (await (await office.at("auditor")).reads(f"/v1/{task}"))["reports"]
    assert [(each["evidence"], each["evidenceText"], each["furtherEvidence"]) for each in told] == [
        ("", "", []), (more["evidence"], "", []),
    ]  # fmt: skip
    justice = await office.at("handler", JUSTICE)
    assert code(await justice.gets(f"/v1/{task}")) == "PERMISSION_DENIED"
    assert code(await justice.sends(f"/v1/{office.case}/evidence", **paper("无关"))) == "PERMISSION_DENIED"
    connection = await Scratch.main(office.stack).connect()
    try:
        rows = await connection.fetch("SELECT * FROM mediation.task_reports WHERE number = $1", mine[6:])
    finally:
        await connection.close()
    assert len(rows) == 2
    assert not any("96,000" in str(row) for row in rows)


async def test_a_consultation_pauses_the_clock_it_names_and_no_other(office: Office) -> None:
    handler = await office.at("handler")
    await office.revised(handler, add=[new(COUNTY, days=20)])
    before = await office.clocks(handler)
    clock = f"clocks/mediation/{office.case[6:]}.task-5.task"
    await handler.does(clock, "pause", cause="expert", evidence="委托鉴定函〔2026〕1号")
    paused = await office.clocks(handler)
    assert paused["task-5.task"][0] == "CLOCK_STATE_PAUSED"
    assert {key: found for key, found in paused.items() if key != "task-5.task"} == {
        key: found for key, found in before.items() if key != "task-5.task"
    }
    await handler.does(clock, "resume")
    resumed = await office.clocks(handler)
    assert resumed["task-5.task"][0] == "CLOCK_STATE_RUNNING"
    assert {key: found for key, found in resumed.items() if key != "task-5.task"} == {
        key: found for key, found in before.items() if key != "task-5.task"
    }
    assert code(await handler.tries(clock, "pause", cause="weather", evidence="x")) == "PAUSE_CAUSE_NOT_ALLOWED"
