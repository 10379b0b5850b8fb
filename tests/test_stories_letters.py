"""Supervision letters as client apps drive them, through REST alone: a unit ignores a case; an objection is upheld."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from docx import Document

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from services.kit.serving.businesstime import BusinessTime
from tests.conftest import COUNTY
from tests.patience import CALL, PATIENCE
from tests.scenario import Desk, day, refused

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
CITY = "6201"
TITLES = {"NOTICE": "提", "WARNING": "警", "CIRCULAR": "通", "INTERVIEW": "约", "INSPECTION": "督"}
REPLY_RULES = {
    "NOTICE": "letter_notice_reply", "WARNING": "letter_warning_reply", "CIRCULAR": "letter_circular_rectification",
    "INTERVIEW": "letter_interview_plan", "INSPECTION": "letter_inspection_report",
}  # fmt: skip


class Supervision:
    """The supervision office of the city, its head, and the county that letters are to."""

    def __init__(self, city: Desk, county: Desk) -> None:
        self.city = city
        self.county = county

    async def notice(self, case: str) -> str:
        """Draft a notice by hand and return its name."""
        letter = {
            "kind": "LETTER_KIND_NOTICE", "issuer": f"units/{CITY}", "unit": f"units/{COUNTY}", "subject": case,
        }  # fmt: skip
        drafted = await self.city.post("letters", "supervisor", None, letter=letter, wording=_wording())
        return str(drafted["name"])

    async def take_up(self, name: str, kind: str) -> None:
        """Take up a draft that a rule made: read it, edit it."""
        read = await self.city.get(f"{name}/text", "supervisor")
        assert read["wording"]["words"]["demand"]
        announced = {"interview_date": day(20)} if kind == "INTERVIEW" else {}
        await self.city.post(f"{name}:edit", "supervisor", None, wording=_wording(), **announced)

    async def send(self, name: str, kind: str) -> dict[str, Any]:
        """Have another person sign a letter, serve it, and have the county sign for it."""
        if kind == "CIRCULAR":
            await self.city.post(f"{name}:recordHearing", "supervisor", None, statement="该单位称正在协调。")
        with refused("PERMISSION_DENIED"):
            await self.city.post(f"{name}:approve", "supervisor", None, office="LETTER_OFFICE_HEAD")
        signed = await self.city.post(f"{name}:approve", "unit_head", None, office="LETTER_OFFICE_HEAD")
        assert f"兰州市{TITLES[kind]}〔" in signed["documentNumber"]
        await self.city.post(f"{name}:serve", "clerk", None, manner="SERVICE_MANNER_ELECTRONIC")
        received: dict[str, Any] = await self.county.post(f"{name}:confirmReceipt", "handler")
        return received

    async def answer(self, name: str, kind: str) -> None:
        """Hold an interview where it is one; have the county answer, and find the answer not good enough."""
        if kind == "INTERVIEW":
            with refused("WRONG_STATE"):
                await self.county.post(f"{name}:reply", "handler", None, measures="无。")
            await self.city.post(
                f"{name}:holdInterview", "supervisor", None, hold_date=day(0), minutes="负责人说明情况。",
                agreement="doc-7",
            )  # fmt: skip
        assert (await self.clock(name, "reply-1"))["rule"] == REPLY_RULES[kind]
        await self.county.post(f"{name}:reply", "handler", None, measures="正在研究。")
        verified = await self.city.post(
            f"{name}:verify", "supervisor", None, sufficient=False, finding="没有实际措施。"
        )
        assert (verified["state"], verified["failure"]) == ("LETTER_STATE_FAILED", "LETTER_FAILURE_NOT_ENOUGH")

    async def clock(self, name: str, key: str) -> dict[str, Any]:
        """Return a clock of a letter."""
        number = name.replace("/", "-", 1)
        found: dict[str, Any] = await self.city.get(f"clocks/escalation/{number}.{key}", "auditor")
        return found

    async def next_of(self, name: str) -> str:
        """Return the letter that the workflow has had drafted."""
        async with asyncio.timeout(PATIENCE):
            while not (found := (await self.city.get(name, "supervisor")).get("next", "")):
                await asyncio.sleep(0.1)
        return str(found)


def _wording() -> dict[str, Any]:
    words = {"basis": "督办工作制度第三条。", "facts": "事项逾期，未见办理。", "demand": "请限期办结。"}
    return {"words": words, "due_date": day(40)}


@pytest.fixture
async def supervision(stack: Stack) -> AsyncIterator[Supervision]:
    """Return the city's supervision office and the county."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Supervision(Desk(rest, stack, CITY), Desk(rest, stack))


async def test_a_unit_ignores_a_case_and_receives_all_five_letters_each_signed_by_a_person(
    supervision: Supervision,
) -> None:
    case = await supervision.county.open("labour", "工地拖欠工资，久拖未办。", people_affected=8)
    name = await supervision.notice(case.name)
    await supervision.send(name, "NOTICE")
    # Meanwhile the case is overdue: a rule drafts the warning. The notice that fails leads to that draft, not another.
    await supervision.county.post(
        f"{case.name}/escalations", "supervisor", None, mode="MODE_INFORM", from_unit=f"units/{COUNTY}",
        reason="overdue",
    )  # fmt: skip
    received = []
    for kind in TITLES:
        if kind != "NOTICE":
            await supervision.take_up(name, kind)
            received.append(await supervision.send(name, kind))
        await supervision.answer(name, kind)
        if kind != "INSPECTION":
            name = await supervision.next_of(name)
            drafted = await supervision.city.get(name, "supervisor")
            assert drafted["state"] == "LETTER_STATE_DRAFTED"
            assert drafted["rule"].startswith("rule ")
            with refused("PERMISSION_DENIED"):  # nobody but the city is shown a draft
                await supervision.county.get(name, "unit_head")
    assert [each["kind"] for each in received] == [f"LETTER_KIND_{kind}" for kind in TITLES if kind != "NOTICE"]
    inspection = await supervision.city.get(name, "supervisor")
    assert inspection["copies"] == ["units/62"]
    await supervision.city.post(
        f"{name}:recordTransfer", "unit_head", None, body="units/62", reason="五函之后仍未办理。"
    )
    listed = await supervision.city.get("letters", "supervisor", unit=f"units/{COUNTY}", page_size=1000)
    about = [each["kind"] for each in listed["letters"] if each["subject"] == case.name]
    assert about == [f"LETTER_KIND_{kind}" for kind in TITLES]  # each once


async def test_a_unit_that_stays_silent_receives_all_five_letters_as_the_time_of_each_runs_out(
    tmp_path: Path,
) -> None:
    pace = pace_settings(StateFolder.at(tmp_path), 400_000.0)  # a day in about a fifth of a second
    time = BusinessTime(float(pace["ACCORD_TIME_SPEED"]), datetime.fromisoformat(pace["ACCORD_TIME_EPOCH"]))

    def to_come(days: int) -> dict[str, int]:
        found = (time.now() + timedelta(days=days)).astimezone(LOCAL).date()
        return {"year": found.year, "month": found.month, "day": found.day}

    with Stack(state=tmp_path, port_base=0, settings=pace) as stack:
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
            office = Supervision(Desk(rest, stack, CITY), Desk(rest, stack))
            case = await office.county.open("labour", "工地拖欠工资，久拖未办。", people_affected=8)
            wording = {**_wording(), "due_date": to_come(300)}
            letter = {"kind": "LETTER_KIND_NOTICE", "issuer": f"units/{CITY}", "unit": f"units/{COUNTY}"}
            letter["subject"] = case.name
            name = (await office.city.post("letters", "supervisor", None, letter=letter, wording=wording))["name"]
            for kind in TITLES:
                if kind != "NOTICE":
                    announced = {"interview_date": to_come(14)} if kind == "INTERVIEW" else {}
                    await office.city.post(f"{name}:edit", "supervisor", None, wording=wording, **announced)
                if kind == "CIRCULAR":
                    await office.city.post(f"{name}:recordHearing", "supervisor", None, statement="该单位未到场。")
                await office.city.post(f"{name}:approve", "unit_head", None, office="LETTER_OFFICE_HEAD")
                await office.city.post(f"{name}:serve", "clerk", None, manner="SERVICE_MANNER_ELECTRONIC")
                if kind == "INTERVIEW":
                    await asyncio.sleep(15 * 86_400 / time.speed)
                    await office.city.post(
                        f"{name}:holdInterview", "supervisor", None, hold_date=to_come(0), minutes="负责人说明情况。"
                    )
                # Nobody signs for it, nobody answers: it counts as received, its time to be answered runs out.
                async with asyncio.timeout(PATIENCE):
                    while (found := await office.city.get(name, "supervisor"))["state"] != "LETTER_STATE_FAILED":
                        await asyncio.sleep(0.1)
                assert (found["kind"], found["failure"]) == (f"LETTER_KIND_{kind}", "LETTER_FAILURE_NO_REPLY")
                assert (await office.clock(name, "reply-1"))["rule"] == REPLY_RULES[kind]
                if kind != "INSPECTION":
                    name = await office.next_of(name)


async def test_an_objection_that_is_upheld_annuls_the_letter_and_stops_every_clock(supervision: Supervision) -> None:
    case = await supervision.county.open("neighbour", "邻里漏水，已经办结。")
    name = await supervision.notice(case.name)
    await supervision.send(name, "NOTICE")
    document = await supervision.county.get(f"{name}/document", "handler", companion=True)
    text = "\n".join(each.text for each in Document(io.BytesIO(base64.b64decode(document["content"]))).paragraphs)
    assert "提示函" in text
    assert "可以自签收之日起五个工作日内书面提出" in text
    with refused("PERMISSION_DENIED"):
        await supervision.county.post(f"{name}:object", "handler", None, grounds="已办结。")
    await supervision.county.post(f"{name}:object", "unit_head", None, grounds="本案上周已经办结。")
    assert (await supervision.clock(name, "reply-1"))["state"] == "CLOCK_STATE_CANCELLED"
    for role in ("supervisor", "unit_head"):  # they drafted and signed it
        with refused("SAME_PERSON"):
            await supervision.city.post(f"{name}:decideObjection", role, None, upheld=True, reason="属实。")
    decided = await supervision.city.post(
        f"{name}:decideObjection", "unit_head", "city-deputy", upheld=True, reason="经查属实。"
    )
    assert (decided["state"], decided["objection"]) == ("LETTER_STATE_ANNULLED", "LETTER_OBJECTION_UPHELD")
    number = name.replace("/", "-", 1)
    clocks = await supervision.city.get("clocks/escalation", "auditor", case=name, running=True)
    assert not clocks.get("clocks", []), number
    assert (await supervision.county.get(f"{name}/text", "handler"))["decision"] == "经查属实。"
    with refused("WRONG_STATE"):
        await supervision.county.post(f"{name}:reply", "handler", None, measures="无。")
