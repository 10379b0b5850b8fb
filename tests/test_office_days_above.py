"""The day of a supervisor of a township, a county, a city and a province; of a lead official and who stands in; of the
secretary of a task force. Each by the own token alone, in Chinese and in English.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openpyxl import load_workbook

from accord.embedded.stack import Stack
from tests.conftest import request_id
from tests.offices import Json, Person, Place, place_of
from tests.scenario import day

LEAK = "两村合用的水渠年久失修，多年没有人牵头。"
FACTS = {
    "peopleAffected": 62,
    "amountFen": 400_000_000,
    "scope": "SCOPE_TOWNSHIP",
    "impact": "MATTER_IMPACT_LIVELIHOOD",
}
WORDING = {
    "words": {"basis": "督办工作制度第三条。", "facts": "事项久拖未办。", "demand": "请限期办结。"},
    "dueDate": day(40),
}
OTHERS = {"township": "", "county": "", "city": "6201", "province": "61"}
"""A unit of the same level that has nothing to do with it; the county beside where none is named."""


@pytest.fixture(params=["zh", "en"])
async def place(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Return a county of its own, whose people read this language."""
    async with place_of(stack, request.param) as found:
        yield found


def levels(place: Place, level: str) -> tuple[str, str]:
    """Return the unit of a level, and the one below it that lets a matter lie."""
    way = [place.village, place.township, place.county, place.county[:4], place.county[:2]]
    at = ["township", "county", "city", "province"].index(level)
    return way[at + 1], way[at]


@pytest.mark.parametrize("level", ["township", "county", "city", "province"])
async def test_the_day_of_a_supervisor(place: Place, level: str) -> None:
    own, place.at = levels(place, level)
    me, below = place.person("supervisor", own), place.person("handler", place.at)
    other = place.person("supervisor", OTHERS[level] or place.beside)
    case, why = await place.opened(LEAK), f"stuck-{request_id()[5:13]}"
    await below.does(f"{case}/escalations", mode="MODE_INFORM", fromUnit=place.unit, reason=why,
                     explanation="本级无力协调。")  # fmt: skip

    # What came up: on the worklist, with its date; why; how far the matter is.
    def came(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in found if each["reason"] == why]

    (raised,) = came(await me.finds("cases/-/escalations", "escalations", came, open="true", pageSize=1000))
    waiting = await me.becomes(
        "worklist", lambda now: raised["name"] in str(now), scope="WORK_SCOPE_UNIT", pageSize=1000
    )
    steps = [each for each in waiting["items"] if each["subject"] == raised["name"]]
    assert [each["step"] for each in steps] == ["acknowledge_escalation", "resolve_escalation"]
    assert {(each["unit"], each["overdue"]) for each in steps} == {(f"units/{own}", False)}
    assert (await me.reads(f"{raised['name']}/text"))["explanation"] == "本级无力协调。"
    await me.does(f"{raised['name']}:acknowledge")
    assert (await me.reads(case))["unit"] == raised["fromUnit"]
    assert (await me.reads(f"{case}/progress"))["nextStep"]

    # A letter: drafted here, signed by the head, served; the unit below answers, and the answer is checked.
    asks = {"kind": "LETTER_KIND_NOTICE", "issuer": f"units/{own}", "unit": raised["fromUnit"], "subject": case}
    letter = (await me.does("letters", letter=asks, wording=WORDING))["name"]
    assert letter in [each["name"] for each in (await me.reads("letterDrafts", pageSize=1000))["letters"]]
    await me.refused(f"{letter}:approve", office="LETTER_OFFICE_HEAD")
    signed = await place.person("unit_head", own).does(f"{letter}:approve", office="LETTER_OFFICE_HEAD")
    assert "〔" in signed["documentNumber"]
    await me.does(f"{letter}:serve", manner="SERVICE_MANNER_ELECTRONIC")
    (served,) = await below.finds("letters", "letters", states="LETTER_STATE_SERVED")
    assert (await below.reads(f"{served['name']}/text"))["wording"]["words"]["demand"] == "请限期办结。"
    await below.does(f"{served['name']}:confirmReceipt")
    await below.does(f"{served['name']}:reply", measures="已经牵头组织修复。")
    assert (await me.reads(f"{letter}/text"))["measures"] == "已经牵头组织修复。"
    closed = await me.does(f"{letter}:verify", sufficient=True, finding="现场看过，属实。")
    assert closed["state"] == "LETTER_STATE_CLOSED"
    if level != "township":  # the ledger has three levels
        await keeps_the_ledger(place, me, below, level)

    # Done, it is off the list. Nothing of it is another unit's of the same level.
    await me.does(f"{raised['name']}:resolve")
    await me.finds("cases/-/escalations", "escalations", lambda now: not came(now), open="true", pageSize=1000)
    await other.shut_out(case, raised["name"], f"{raised['name']}/text", letter)
    await other.refused(f"{raised['name']}:acknowledge")


async def keeps_the_ledger(place: Place, me: Person, below: Person, level: str) -> None:
    """Let a supervisor register and give out a matter, check what was done, and print the list."""
    told = {"level": f"MATTER_LEVEL_{level.upper()}", "place": place.unit, "category": "categories/expropriation"}
    title = f"安置房逾期交付{request_id()[5:13]}"
    matter = (await me.does("matters", matter=told, content={"title": title, "facts": "六十二户，逾期两年。"}))["name"]
    assert (await me.does(f"{matter}:grade", facts=FACTS))["grade"] == "GRADE_HIGH"
    part = {"part": "PART_RESPONSIBLE", "unit": place.unit, "dueDate": day(30), "measures": "逐户核实。"}
    await me.does(f"{matter}:assign", assignments=[{**part, "office": "副职"}])

    (given,) = await below.finds("matters", "matters", state="MATTER_STATE_ASSIGNED")
    (mine,) = (await below.reads(given["name"]))["assignments"]
    await below.does(f"{mine['name']}:reportProgress", text="已与四十户签约。")
    evidence = {"reference": "验收单〔2026〕7号", "sha256": "0f" * 32, "description": "验收单。"}
    shown = (await below.does(f"{given['name']}/evidence", **evidence))["name"]
    await below.does(f"{given['name']}:requestStrikeOff", evidence=[shown], text="全部交付。")

    check = await me.becomes("worklist", lambda now: "matter_check" in str(now), scope="WORK_SCOPE_UNIT", pageSize=1000)
    assert matter in [each["case"] for each in check["items"] if each["step"] == "matter_check"]
    assert (await me.reads(f"{matter}/text"))["progress"][0]["text"] == "已与四十户签约。"
    back = await me.does(f"{matter}:verifyStrikeOff", verdict="STRIKE_OFF_VERDICT_NOT_GOOD", reason="not-shown")
    assert back["state"] == "MATTER_STATE_RETURNED"
    await below.does(f"{mine['name']}:reportProgress", text="最后两户也已交付。")
    await below.does(f"{given['name']}:requestStrikeOff", evidence=[shown], text="全部交付，附照片。")
    done = await me.does(f"{matter}:verifyStrikeOff", verdict="STRIKE_OFF_VERDICT_GOOD")
    assert (done["state"], len(done["lookBacks"])) == ("MATTER_STATE_STRUCK_OFF", 2)

    listed = (await me.reads("matters", unit=place.unit, pageSize=200))["matters"]
    assert matter in [each["name"] for each in listed]
    assert (await me.reads("matters:count", unit=place.unit))["total"] == len(listed)
    book = load_workbook(io.BytesIO((await me.gets("matters:export", unit=place.unit)).content)).active
    cells = [str(cell) for row in book.iter_rows(values_only=True) for cell in row if cell]
    assert title in cells
    assert not [cell for cell in cells if cell.startswith(("units/", "categories/", "matters/"))]
    assert (await me.gets("statistics:map", period="2026")).status_code == 200


async def a_matter(place: Place) -> str:
    """Let the county's supervisor register and grade a matter."""
    keeper = place.person("supervisor")
    told = {"level": "MATTER_LEVEL_COUNTY", "place": place.unit, "category": "categories/expropriation"}
    made = await keeper.does(
        "matters", matter=told, content={"title": "安置房逾期交付", "facts": "六十二户，逾期两年。"}
    )
    await keeper.does(f"{made['name']}:grade", facts=FACTS)
    return str(made["name"])


async def test_the_day_of_a_lead_official_and_of_who_stands_in(place: Place) -> None:
    matter, head = await a_matter(place), place.person("unit_head")
    me, cover, other = (place.person("supervisor") for _ in range(3))
    await head.does(f"{matter}/lead:assign", unit=place.unit, official=me.account, office="副区长")

    # What is mine, by its dates; what it is about.
    look, contact, _ = await me.steps("lead_first_look", "lead_contact", "lead_note", scope="MINE")
    assert {look["step"], contact["step"]} == {"lead_first_look", "lead_contact"}
    assert (await me.reads(f"{look['case']}/text"))["content"]["title"] == "安置房逾期交付"
    lead = await me.reads(look["subject"])
    assert (lead["official"], lead["notes"]) == (me.account, 0)
    await me.does(f"{lead['name']}/notes", kind="LEAD_NOTE_KIND_FIRST_LOOK", text="已到工地查看。")
    await other.refused(f"{lead['name']}/notes", "NOT_THE_LEAD", kind="LEAD_NOTE_KIND_MONTHLY", text="代记。")

    # Away for some days: who stands in finds it among what they hold, and records under the own account.
    met = {"kind": "LEAD_NOTE_KIND_CONTACT", "form": "LEAD_CONTACT_FORM_VISITED", "text": "走访两户。"}
    await cover.refused(f"{lead['name']}/notes", "NOT_THE_LEAD", **met)
    await place.person("duty_officer").does(
        "absences", unit=place.unit, official=me.account, cover=cover.account, firstDate=day(0), lastDate=day(3)
    )
    (held,) = await cover.finds("holdings", "holdings")
    assert (held["role"], held["official"], held["covered"]) == ("lead", me.account, True)
    await cover.reads(f"{held['subject']}/lead")
    await cover.does(f"{held['subject']}/lead/notes", **met)
    await me.does(f"{lead['name']}/notes", kind="LEAD_NOTE_KIND_MONTHLY", text="本月进展。")
    kinds = [each["kind"] for each in (await me.reads(f"{lead['name']}/notes"))["notes"]]
    assert sorted(kinds) == ["LEAD_NOTE_KIND_CONTACT", "LEAD_NOTE_KIND_FIRST_LOOK", "LEAD_NOTE_KIND_MONTHLY"]

    def of_the_lead(now: Json) -> list[str]:
        return [each["step"] for each in now["items"] if each["step"].startswith("lead_")]

    await me.becomes("worklist", lambda now: of_the_lead(now) == ["lead_note"], scope="WORK_SCOPE_MINE")

    # Who leads does not say that it is at an end; the county beside sees nothing.
    text = {"reason": "等待另案判决", "conditions": "判决生效后恢复"}
    begun = await head.does(f"{matter}/monitorings", reason="waits-for-court", interval="MONITORING_INTERVAL_QUARTER",
                            text=text)  # fmt: skip
    await me.refused(f"{begun['name']}:end", "ROLE_BARRED", end="MONITORING_STATE_LAWFULLY_ENDED", reason="到此为止。")
    await place.person("supervisor", place.beside).shut_out(lead["name"], f"{matter}/text")


async def test_the_day_of_the_secretary_of_a_task_force(place: Place) -> None:
    matter, head = await a_matter(place), place.person("unit_head")
    me, cover, other = (place.person("clerk", "-labour") for _ in range(3))
    bureau, force = f"units/{me.unit}", f"{matter}/taskForce"
    await head.does(f"{force}:order", reason="several-units")
    await head.does(f"{force}:setUp", units=[f"{place.unit}-housing"],
                    leader={"unit": place.unit, "official": head.account, "office": "组长"},
                    secretary={"unit": bureau, "official": me.account, "office": "联络员"})  # fmt: skip

    # What one holds; who belongs to it.
    (held,) = await me.finds("holdings", "holdings")
    assert (held["role"], held["covered"]) == ("force_secretary", False)
    told = await me.reads(held["subject"])
    assert (told["secretary"]["official"], told["units"]) == (me.account, [place.unit, f"{place.unit}-housing"])

    # A meeting; its minutes are due, and what was decided becomes tasks with dates.
    meeting = await me.does(f"{told['name']}/meetings", units=told["units"])
    due = await me.step("force_minutes", "MINE")
    assert due["subject"] == meeting["name"]
    decided = {"unit": told["units"][1], "dueDate": day(9), "kind": "inspect", "content": "三日内核对住户名单。"}
    minutes = await me.does(f"{due['subject']}:recordMinutes", minutes="会议认为应当先付。", decisions=[decided])
    assert len(minutes["tasks"]) == 1
    assert (await me.reads(f"{meeting['name']}/minutes"))["minutes"] == "会议认为应当先付。"
    assert [each["unit"] for each in (await me.reads(f"{told['name']}/tasks"))["tasks"]] == [told["units"][1]]
    left = await me.becomes("worklist", lambda now: "force_minutes" not in str(now), scope="WORK_SCOPE_MINE")
    assert [each["step"] for each in left["items"]] == ["force_task"], "what was decided is followed from here"

    # Who stands in does the same; nobody else of that bureau, and the secretary gives no tasks.
    await place.person("duty_officer", "-labour").does(
        "absences", unit=bureau, official=me.account, cover=cover.account, firstDate=day(0), lastDate=day(3)
    )
    (covered,) = await cover.finds("holdings", "holdings")
    second = await cover.does(f"{covered['subject']}/meetings", units=[place.unit])
    await cover.does(f"{second['name']}:recordMinutes", minutes="会议听取进展。")
    await other.shut_out(force, f"{meeting['name']}/minutes")
    await other.refused(f"{force}/meetings", units=[place.unit])
    await me.refused(f"{force}/tasks", **decided)
    await me.shut_out(f"{matter}/text")
