"""A morning at a county, over REST alone: the digest, the worklist, an indicator, and an objection to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from tests.conftest import request_id
from tests.patience import CALL, PATIENCE
from tests.scenario import RefusedError, refused

CITY, COUNTY = "6207", "620702"
PEERS = ("620721", "620722", "620723", "620724")
SEPTEMBER = datetime(2026, 9, 1, 1, tzinfo=UTC)


class Office:
    """REST calls in any role of any unit."""

    def __init__(self, rest: httpx.AsyncClient, stack: Stack) -> None:
        self._rest = rest
        self._stack = stack

    async def get(self, path: str, role: str, unit: str = COUNTY, sub: str | None = None, /, **query: Any) -> Any:
        """Return what is answered to a question."""
        return self._told(await self._rest.get(f"/v1/{path}", params=query, headers=self._as(role, unit, sub)))

    async def file(self, path: str, role: str, unit: str = COUNTY, /, **query: Any) -> bytes:
        """Return the file that is answered."""
        answer = await self._rest.get(f"/v1/{path}", params=query, headers=self._as(role, unit, None))
        assert answer.headers["content-disposition"].startswith("attachment"), answer.text
        return answer.content

    async def post(self, path: str, role: str, unit: str = COUNTY, sub: str | None = None, /, **body: Any) -> Any:
        """Return what is answered to a command."""
        headers = {**self._as(role, unit, sub), "Idempotency-Key": request_id()}
        return self._told(await self._rest.post(f"/v1/{path}", json=body, headers=headers))

    def _as(self, role: str, unit: str, sub: str | None) -> dict[str, str]:
        is_machine = role == "service"
        token = client_token(self._stack.keys, "relay") if is_machine else self._stack.token(role, unit, sub)
        return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    @staticmethod
    def _told(answer: httpx.Response) -> Any:
        if answer.status_code != 200:
            raise RefusedError(answer.json())
        return answer.json()


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[Office]:
    """Return the desks of a county and its city."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Office(rest, stack)


async def a_september(office: Office, unit: str, late: int) -> None:
    """Let a unit have received thirty matters in September, and accepted all but some of them in time."""
    reports, clocks = [], []
    for index in range(30):
        received = SEPTEMBER + timedelta(hours=index)
        number = f"{unit}-2026-{800_001 + index:06d}"
        reports.append(
            {"report": f"reports/{number}", "sequence": "2", "state": "REPORT_STATE_ACCEPTED", "unit": f"units/{unit}",
             "channel": "CHANNEL_COUNTER", "category": "categories/neighbour", "grade": "GRADE_LOW",
             "receiveTime": received.isoformat(), "decideTime": received.isoformat()}
        )  # fmt: skip
        stopped = received + timedelta(days=6 if index < late else 1)
        clocks.append(
            {"clock": f"clocks/intake/{number}.accept", "rule": "accept", "unit": f"units/{unit}",
             "subject": f"reports/{number}", "state": "CLOCK_STATE_MET", "startTime": received.isoformat(),
             "dueTime": (received + timedelta(days=3)).isoformat(), "stopTime": stopped.isoformat()}
        )  # fmt: skip
    answer = await office.post("facts:record", "service", "cn", reports=reports, clocks=clocks)
    assert answer["recorded"] == 60


async def test_a_morning_the_digest_the_worklist_an_indicator_and_an_objection(office: Office) -> None:
    # A neighbour comes to the counter; before noon it stands on the worklist and in the digest.
    filed = await office.post("reports", "clerk", channel="CHANNEL_COUNTER", unit=f"units/{COUNTY}",
                              category="categories/neighbour", text="院墙占了通道。")  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        work: dict[str, Any] = {"items": []}
        while filed["case"] not in {item["case"] for item in work["items"]}:
            await asyncio.sleep(0.2)
            work = await office.get("worklist", "duty_officer", filter="WORK_FILTER_NEW")
    (item,) = [item for item in work["items"] if item["case"] == filed["case"]]
    assert (item["step"], item["unit"], item["overdue"]) == ("accept", f"units/{COUNTY}", False)
    assert item["title"] == "accept, or give reasons"
    assert work["new"] >= 1
    digest = await office.get("digest", "duty_officer")
    assert next(each for each in digest["counts"] if each["kind"] == "reports")["new"] >= 1
    assert {"unit": f"units/{COUNTY}", "step": "accept"}.items() <= digest["waiting"][0].items()
    with refused("PERMISSION_DENIED"):
        await office.get("worklist", "duty_officer", unit=f"units/{PEERS[0]}")

    # In September this county was late more often than its peers: the band says so, and no rank does.
    await a_september(office, COUNTY, late=15)
    for peer in PEERS:
        await a_september(office, peer, late=2)
    asked = {"period": "2026-09"}
    standings = {
        each["indicator"]: each for each in (await office.get("indicators", "unit_head", **asked))["standings"]
    }
    accepted = standings["acceptance_in_time"]
    assert (accepted["numerator"], accepted["denominator"], accepted["peers"]) == (15, 30, 4)
    assert (accepted["band"], accepted["peerShare"]) == ("BAND_BEHIND", 9300)
    assert standings["recurrence"]["tooFew"]
    assert not standings["recurrence"]["denominator"]

    # The city draws up an assessment, another person publishes it, the county objects, a third decides.
    made = await office.post("assessments", "supervisor", CITY, "wang", unit=f"units/{CITY}", period="2026-09")
    with refused("SAME_PERSON"):
        await office.post(f"{made['name']}:publish", "supervisor", CITY, "wang")
    await office.post(f"{made['name']}:publish", "supervisor", CITY, "zhao")
    mine = await office.get(made["name"], "unit_head")
    assert {each["unit"] for each in mine["results"]} == {f"units/{COUNTY}"}
    objection = await office.post(
        f"{made['name']}:object", "unit_head", COUNTY, "head", unit=f"units/{COUNTY}", indicator="acceptance_in_time",
        text="十一件是系统停机，不应计入。",
    )  # fmt: skip
    text = await office.get(f"{objection['name']}/text", "supervisor", CITY, "sun")
    assert text["text"].startswith("十一件")
    with refused("SAME_PERSON"):
        await office.post(
            f"{objection['name']}:decide", "supervisor", CITY, "zhao", upheld=False, reason="figures-hold"
        )
    await office.post(f"{objection['name']}:decide", "supervisor", CITY, "sun", upheld=True, reason="outage",
                      numerator=26, denominator=30)  # fmt: skip
    mine = await office.get(made["name"], "unit_head")
    corrected = next(each for each in mine["results"] if each["standing"]["indicator"] == "acceptance_in_time")
    assert (corrected["corrected"], corrected["standing"]["band"]) == (True, "BAND_WITHIN")
    assert (mine["corrections"][0]["oldNumerator"], mine["corrections"][0]["numerator"]) == (15, 26)
    with refused("OBJECTIONS_POSSIBLE"):
        await office.post(f"{made['name']}:finalise", "supervisor", CITY, "sun")

    # What went wrong leads to a fix of the rule; what is published hides small counts.
    fix = await office.post("fixes", "unit_head", COUNTY, "head", unit=f"units/{COUNTY}", rule="accept",
                            problem=filed["case"], text="停机时改用纸质登记。")  # fmt: skip
    await office.post(f"{fix['name']}:decide", "supervisor", CITY, "sun", adopted=True, reason="tried")
    listed = await office.get("registerEntries", "unit_head", kind="REGISTER_KIND_INSTITUTION")
    assert (listed["entries"][0]["file"], listed["entries"][0]["what"]) == (fix["name"], "adopted")
    query = {"period": "2026", "by": "STATISTICS_BY_DOOR", "published": "true", "form": "STATISTICS_FORM_CSV"}
    lines = (await office.file("statistics:export", "unit_head", **query)).decode("utf-8-sig").splitlines()
    assert (lines[0], lines[-1].split(",")[:2]) == ("Channel,Code,Count", ["Total", "total"])
    assert {"hotline 12345,hotline,*", "letter,letter,*"} <= set(lines)
