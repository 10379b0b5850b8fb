"""A matter of the ledger, from its registration to a relapse, told through REST alone; the list that offices print."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.patience import CALL, PATIENCE
from tests.scenario import UNIT, Desk, RefusedError, camel, day, refused

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
COUNTY_FACTS = {"people_affected": 62, "amount_fen": 400_000_000, "scope": "SCOPE_TOWNSHIP",
                "impact": "MATTER_IMPACT_LIVELIHOOD"}  # fmt: skip
HOUSING, LABOUR, LAND = "620102-housing", "620102-labour", "620102-land"


class Office(Desk):
    """Desks of any unit: a role is of the county, or of the unit behind `@`."""

    def _as(self, role: str, sub: str | None) -> dict[str, str]:
        role, _, unit = role.partition("@")
        token = self.stack.token(role, unit or COUNTY, sub)
        return {"Authorization": f"Bearer {token}", "Accept-Language": "zh"}

    async def register(self, title: str, facts: str = "经过。", **fields: Any) -> str:
        """Put a matter on the county's ledger, grade it, and return its name."""
        matter = {"level": "MATTER_LEVEL_COUNTY", "place": UNIT, "category": "categories/expropriation", **fields}
        made = await self.post("matters", "supervisor", matter=matter, content={"title": title, "facts": facts})
        await self.post(f"{made['name']}:grade", "supervisor", facts=COUNTY_FACTS)
        return str(made["name"])

    async def book(self, role: str, **query: Any) -> Any:
        """Return the exported list as openpyxl reads it."""
        headers = {**self._as(role, None), "Accept": "application/x-ndjson"}
        answer = await self.rest.get("/v1/matters:export", params=camel(query), headers=headers)
        if answer.status_code != 200:
            raise RefusedError(answer.json())
        parts = [json.loads(line) for line in answer.text.splitlines()]
        content = b"".join(base64.b64decode(part["chunk"]) for part in parts)
        assert hashlib.sha256(content).hexdigest() == parts[0]["sha256"]
        assert parts[0]["fileName"].endswith(".xlsx")
        sheet = load_workbook(io.BytesIO(content)).active
        assert sheet.max_row == parts[0]["count"] + 2
        return sheet

    async def all_matters(self, role: str, **query: Any) -> list[Any]:
        """Return every matter that a list shows, page by page."""
        found: list[Any] = []
        token = ""
        while True:
            page = await self.get("matters", role, page_size=3, page_token=token, **query)
            found += page.get("matters", [])
            token = page.get("nextPageToken", "")
            if not token:
                return found


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[Office]:
    """Return the desks of the county and its bureaus."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Office(rest, stack)


def parts(responsible: str, *co: str, lead: str = "", days: int = 30) -> list[dict[str, Any]]:
    """Return the parts of units: who answers, who leads, who works with them."""
    given = [("RESPONSIBLE", responsible), *([("LEAD", lead)] if lead else []), *(("CO", unit) for unit in co)]
    return [
        {"part": f"PART_{part}", "unit": f"units/{unit}", "due_date": day(days), "measures": f"{unit}：限期办结。",
         "office": "分管副局长"} for part, unit in given
    ]  # fmt: skip


async def test_a_matter_is_registered_returned_once_struck_off_and_comes_back(office: Office) -> None:
    case = await office.open("expropriation", "安置房逾期两年没有交付。")
    matter = await office.register("某小区安置房逾期交付", "六十二户，逾期两年。", source=case.name)
    with refused("ALREADY_EXISTS"):
        await office.register("同一件事", source=case.name)
    graded = await office.get(matter, "handler")
    assert (graded["state"], graded["grade"]) == ("MATTER_STATE_GRADED", "GRADE_HIGH")
    assert [each["text"] for each in graded["grading"]["reasons"]] == ["涉及50人以上", "影响10人以上的基本生活"]
    with refused("REASON_REQUIRED"):
        await office.post(f"{matter}:grade", "supervisor", facts=COUNTY_FACTS)

    with refused("INVALID_FIELD"):  # whoever keeps the ledger checks the work
        await office.post(f"{matter}:assign", "supervisor", assignments=parts(COUNTY))
    given = await office.post(f"{matter}:assign", "supervisor", assignments=parts(HOUSING, LABOUR, lead=COUNTY))
    assert (given["unit"], given["lead"]) == (f"units/{HOUSING}", UNIT)
    assert [each["state"] for each in given["assignments"]] == ["ASSIGNMENT_STATE_OPEN"] * 3
    await office.post(f"{matter}/assignments/1:nameOfficial", f"unit_head@{HOUSING}", official="li-housing")

    with refused("PERMISSION_DENIED"):
        await office.post(f"{matter}/assignments/1:reportProgress", f"handler@{LAND}", text="不是我局的事。")
    worker = f"handler@{HOUSING}"
    await office.post(f"{matter}/assignments/1:reportProgress", worker, "worker", text="已与四十户签约。")
    shown = {"reference": "doc-7", "sha256": "0f" * 32, "description": "验收单。"}
    evidence = await office.post(f"{matter}/evidence", worker, "worker", **shown)
    request: dict[str, Any] = {"evidence": [evidence["name"]], "text": "全部交付。"}
    with refused("TASKS_OPEN"):
        await office.post(f"{matter}:requestStrikeOff", worker, "worker", **request)
    await office.post(f"{matter}/assignments/3:finish", f"handler@{LABOUR}", text="工资已结清。")
    await office.post(f"{matter}/assignments/2:finish", "handler", text="协调会已开。")
    asked = await office.post(f"{matter}:requestStrikeOff", worker, "worker", **request)
    assert asked["state"] == "MATTER_STATE_CHECKING"

    with refused("PERMISSION_DENIED"):
        await office.post(f"{matter}:verifyStrikeOff", f"reviewer@{HOUSING}", verdict="STRIKE_OFF_VERDICT_GOOD")
    with refused("SAME_PERSON"):
        await office.post(f"{matter}:verifyStrikeOff", "reviewer", "worker", verdict="STRIKE_OFF_VERDICT_GOOD")
    with refused("REASON_REQUIRED"):
        await office.post(f"{matter}:verifyStrikeOff", "reviewer", verdict="STRIKE_OFF_VERDICT_NOT_GOOD")
    back = await office.post(f"{matter}:verifyStrikeOff", "reviewer", verdict="STRIKE_OFF_VERDICT_NOT_GOOD",
                             reason="not-shown", text="还有两户没有拿到钥匙。")  # fmt: skip
    assert (back["state"], back["returned"], back["dueDate"]) == ("MATTER_STATE_RETURNED", 1, given["dueDate"])
    await office.post(f"{matter}/assignments/1:reportProgress", worker, "worker", text="最后两户已交付。")
    await office.post(f"{matter}:requestStrikeOff", worker, "worker", **request)
    gone = await office.post(f"{matter}:verifyStrikeOff", "reviewer", verdict="STRIKE_OFF_VERDICT_GOOD")
    assert gone["state"] == "MATTER_STATE_STRUCK_OFF"
    assert [each["name"].rpartition("/")[2] for each in gone["lookBacks"]] == ["30", "90"]

    with refused("LOOK_BACK_EARLY"):  # on the day itself nobody can say that it holds
        await office.post(f"{matter}/lookBacks/30:record", "reviewer", result="LOOK_BACK_RESULT_HOLDS")
    again = await office.post(f"{matter}/lookBacks/90:record", "reviewer", result="LOOK_BACK_RESULT_RELAPSED")
    assert (again["state"], again["entry"], again["unit"]) == ("MATTER_STATE_GRADED", 2, "")
    await _everything_is_on_record(office, matter)


async def _everything_is_on_record(office: Office, matter: str) -> None:
    history = (await office.get(f"{matter}/versions", "auditor"))["versions"]
    assert [each["event"] for each in history] == [
        "MatterRegistered", "MatterGraded", "MatterAssigned", "OfficialNamed", "ProgressReported", "AssignmentFinished",
        "AssignmentFinished", "StrikeOffRequested", "StrikeOffReturned", "ProgressReported", "StrikeOffRequested",
        "MatterStruckOff", "MatterRelapsed",
    ]  # fmt: skip
    returned = history[8]
    assert (returned["reason"], returned["noted"]) == ("not-shown", True)
    assert {"field": "returned", "before": "0", "after": "1"} in returned["changes"]
    assert "li-housing" not in json.dumps(history)

    told = await office.get(f"{matter}/text", "supervisor")
    assert told["content"]["title"] == "某小区安置房逾期交付"
    assert [each["text"] for each in told["progress"]][:2] == ["最后两户已交付。", "协调会已开。"]
    assert "还有两户没有拿到钥匙。" in [each["text"] for each in told["notes"]]
    assert told["evidence"][0]["description"] == "验收单。"
    with refused("PERMISSION_DENIED"):
        await office.get(f"{matter}/text", "auditor")
    looks = (await office.get(f"{matter}/readings", "auditor"))["readings"]
    assert [each["action"] for each in looks] == ["matters.read"]
    running = await office.get("clocks/escalation", "auditor", case=matter, page_size=200, running=True)
    assert [clock["name"].split(".")[1] for clock in running["clocks"]] == ["plan-2"]
    async with asyncio.timeout(PATIENCE):
        while not (events := (await office.get(f"{matter}/timeline", "auditor"))["events"]):
            await asyncio.sleep(0.1)
    assert events[0]["type"] == "MatterRegistered"


async def test_the_printed_list_says_what_an_office_expects_and_no_formula_runs(office: Office) -> None:
    title = f'=HYPERLINK("http://x")拖欠{request_id()}'
    matter = await office.register(title)
    await office.post(f"{matter}:assign", "supervisor", assignments=parts(HOUSING, LABOUR))
    await office.post(f"{matter}/assignments/1:reportProgress", f"handler@{HOUSING}", text="@已核实三户。")
    sheet = await office.book("supervisor", unit=f"units/{HOUSING}")
    (line,) = [row for row in sheet.iter_rows(min_row=3, values_only=True) if row[2] == f"'{title}"]
    due = day(30)
    assert line[1] == matter.removeprefix("matters/")
    assert line[3:10] == ("征地拆迁", "拆迁安置", "县级", "高", "城关区住建局", "城关区住建局", "城关区人社局")
    assert line[10].splitlines() == [f"城关区{name}：{unit}：限期办结。"
                                    for name, unit in (("住建局", HOUSING), ("人社局", LABOUR))]  # fmt: skip
    assert line[11:13] == ("分管副局长", f"{due['year']}-{due['month']:02}-{due['day']:02}")
    assert line[13:16] == ("'@已核实三户。", "办理中", None)
    with refused("PERMISSION_DENIED"):
        await office.book("handler")
    looks = (await office.get(f"{matter}/readings", "auditor"))["readings"]
    assert [each["action"] for each in looks] == ["matters.export"]


async def test_a_county_sees_its_own_matters_and_no_other_in_list_count_and_export(office: Office) -> None:
    own = await office.register("本区的事项")
    other = {"level": "MATTER_LEVEL_COUNTY", "place": "units/620103", "category": "categories/land"}
    foreign = await office.post("matters", "supervisor@620103", matter=other, content={"title": "别区的事项"})
    city = {**other, "level": "MATTER_LEVEL_CITY", "place": UNIT}
    shared = await office.post("matters", "supervisor@6201", matter=city, content={"title": "市级事项"})
    for seen in (False, True):  # a county sees a matter of the city once a unit of it has a part in it
        listed = await office.all_matters("supervisor")
        names = {each["name"] for each in listed}
        assert (own in names, foreign["name"] in names, shared["name"] in names) == (True, False, seen)
        counted = await office.get("matters:count", "supervisor")
        assert counted["total"] == len(names) == sum(each["count"] for each in counted["states"])
        assert counted["total"] == sum(each["count"] for each in counted["units"])
        assert all((each.get("unit") or UNIT).startswith(UNIT) for each in counted["units"])
        sheet = await office.book("supervisor")
        numbers = {f"matters/{row[1]}" for row in sheet.iter_rows(min_row=3, values_only=True)}
        assert numbers == names
        if not seen:
            await office.post(f"{shared['name']}:grade", "supervisor@6201", facts=COUNTY_FACTS)
            await office.post(f"{shared['name']}:assign", "supervisor@6201", assignments=parts("620103", LABOUR))
    for path in (
        foreign["name"],
        f"{foreign['name']}/versions",
        f"{foreign['name']}/readings",
        f"{foreign['name']}/text",
    ):
        with refused("PERMISSION_DENIED"):
            await office.get(path, "supervisor")
    with refused("PERMISSION_DENIED"):
        await office.get("matters", "supervisor", unit="units/620103")
    bureau = {each["name"] for each in await office.all_matters(f"handler@{LABOUR}")}
    assert shared["name"] in bureau
    assert own not in bureau


async def test_a_list_begins_with_what_is_most_urgent_and_filters_hold(office: Office) -> None:
    far, near = [await office.register(title) for title in ("远期", "近期")]
    await office.post(f"{far}:assign", "supervisor", assignments=parts(LAND, days=60))
    await office.post(f"{near}:assign", "supervisor", assignments=parts(LAND, days=2))
    listed = await office.all_matters("supervisor", unit=f"units/{LAND}", state="MATTER_STATE_ASSIGNED")
    names = [each["name"] for each in listed]
    assert names.index(near) < names.index(far)
    high = await office.all_matters("supervisor", unit=f"units/{LAND}", grade="GRADE_LOW")
    late = await office.all_matters("supervisor", unit=f"units/{LAND}", overdue=True)
    level = await office.all_matters("supervisor", unit=f"units/{LAND}", level="MATTER_LEVEL_CITY")
    assert not {far, near} & {each["name"] for each in (*high, *late, *level)}


async def test_a_matter_is_raised_to_the_city_and_handed_down_again(office: Office) -> None:
    matter = await office.register("跨区的事项")
    await office.post(f"{matter}:assign", "supervisor", assignments=parts(HOUSING))
    raised = await office.post(f"{matter}:moveLevel", "supervisor", level="MATTER_LEVEL_CITY",
                               reason="several-counties", text="涉及两个区。")  # fmt: skip
    assert (raised["keeper"], raised["dueDate"]) == ("units/6201", day(30))
    with refused("PERMISSION_DENIED"):  # the county keeps it no more
        await office.post(f"{matter}:moveLevel", "supervisor", level="MATTER_LEVEL_PROVINCE", reason="too-big")
    with refused("INVALID_FIELD"):  # a unit of another district works on it
        await office.post(f"{matter}:moveLevel", "supervisor@6201", level="MATTER_LEVEL_COUNTY", reason="settled-there",
                          keeper="units/620103")  # fmt: skip
    down = await office.post(f"{matter}:moveLevel", "supervisor@6201", level="MATTER_LEVEL_COUNTY", reason="local",
                             keeper=UNIT)  # fmt: skip
    assert down["keeper"] == UNIT
