"""A day in the hall: the head sets it up, people draw tickets, windows call them; each by their own token alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pb.intake.v1 import hall_pb2

from accord.embedded.stack import Stack
from services.intake.hall.keeping import keep_emptying
from services.kit.serving.loops import Loop
from services.kit.storage.database import text
from tests.conftest import request_id
from tests.patience import CALL, PATIENCE
from tests.still import Still, standing_still
from tests.still_door import door_of

BOTH = pytest.mark.parametrize("language", ["zh", "en"])
COUNTIES = iter(["620102", "620103", "620104", "620105", "620111", "620121", "620122", "620123", "620201", "620302",
                 "620321", "620402"])  # fmt: skip
MONDAY, TUESDAY, SUNDAY, HOLIDAY = "2026-09-21", "2026-09-22", "2026-09-27", "2026-10-01"
MAKE_UP = "2026-09-20"
"""A Sunday on which one works (调休)."""
HOURS = [{"opens": "09:00", "closes": "12:00"}, {"opens": "14:00", "closes": "17:30"}]
SETUP: dict[str, Any] = {
    "openDoor": True,
    "hours": HOURS,
    "queues": [
        {"letter": "A", "title": "矛盾纠纷", "titleEn": "Disputes"},
        {"letter": "B", "title": "诉讼服务", "titleEn": "Court matters", "categories": ["categories/contract"]},
    ],
    "windows": [{"window": 1, "queues": ["A"]}, {"window": 2, "queues": ["A"]}, {"window": 3, "queues": ["B"]}],
}  # fmt: skip


def day(year: int, month: int, day: int) -> dict[str, int]:
    """Return a day as JSON has it."""
    return {"year": year, "month": month, "day": day}


@dataclass
class Person:
    """Somebody with a token of one role, or with none."""

    rest: httpx.AsyncClient
    token: str = ""
    language: str = "zh"

    def _headers(self, key: str = "") -> dict[str, str]:
        head = {"Accept-Language": self.language, "Idempotency-Key": key or f"{request_id()}-{'0' * 32}"}
        return {**head, "Authorization": f"Bearer {self.token}"} if self.token else head

    async def sends(self, path: str, key: str = "", **body: Any) -> httpx.Response:
        return await self.rest.post(f"/v1/{path}", json=body, headers=self._headers(key))

    async def does(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.sends(path, **body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def gets(self, path: str) -> httpx.Response:
        return await self.rest.get(f"/v1/{path}", headers=self._headers())

    async def reads(self, path: str) -> dict[str, Any]:
        answer = await self.gets(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def refused(self, path: str, code: str, field: str = "", **body: Any) -> dict[str, Any]:
        """Check that something is refused for this reason, naming this field."""
        answer = await self.sends(path, **body)
        problem = dict(answer.json())
        assert problem["code"] == code, problem
        assert [each["field"] for each in problem.get("errors", [])] == ([field] if field else []), problem
        return problem


@dataclass
class Centre:
    """The centre of a county whose intake stands still."""

    still: Still
    rest: httpx.AsyncClient
    unit: str

    @property
    def hall(self) -> str:
        return f"halls/{self.unit}"

    @property
    def court(self) -> str:
        return f"{self.unit}-court"

    def setup(self, **changed: Any) -> dict[str, Any]:
        """Return how its hall is set up."""
        court = {"posting": 2, "department": f"units/{self.court}", "window": 3, "lastDate": day(2026, 12, 31),
                 "hours": [{"weekdays": [1, 3], "opens": "08:00", "closes": "11:00"}]}  # fmt: skip
        return {**SETUP, "postings": [{"posting": 1, "window": 1}, court], **changed}

    def person(self, role: str = "", unit: str = "", language: str = "zh") -> Person:
        """Return somebody of this role, of the county or another unit; without a role, somebody without an account."""
        return Person(self.rest, self.still.stack.token(role, unit or self.unit) if role else "", language)


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return intake standing still."""
    async with standing_still(stack, "intake") as found:
        yield found


@pytest.fixture
async def centre(still: Still) -> AsyncIterator[Centre]:
    """Return a centre of its own on a Monday morning, with a hall."""
    async with door_of(still) as url, httpx.AsyncClient(base_url=url, timeout=CALL) as rest:
        still.to(f"{MONDAY}T09:30")
        found = Centre(still, rest, next(COUNTIES))
        await found.person("unit_head").does(f"{found.hall}:configure", **found.setup())
        yield found


@BOTH
async def test_a_morning_in_the_hall(centre: Centre, language: str) -> None:
    visitor, clerk = centre.person(language=language), centre.person("clerk", language=language)
    first = await visitor.does(f"{centre.hall}/tickets", queue="A")
    second = await visitor.does(f"{centre.hall}/tickets", category="categories/neighbour", manner="CALL_MANNER_VOICE")
    third = await visitor.does(f"{centre.hall}/tickets", category="categories/contract")
    assert [each["number"] for each in (first, second, third)] == ["A001", "A002", "B001"]
    assert first["name"] == f"{centre.hall}/tickets/{MONDAY}-A001"
    assert (second["spoken"], second["queueTitle"]) == {
        "zh": ("A 零零二号", "矛盾纠纷"), "en": ("A, 0 0 2", "Disputes")}[language]  # fmt: skip
    assert (first.get("ahead", 0), second["ahead"], third.get("ahead", 0)) == (0, 1, 0)

    called = await clerk.does(f"{centre.hall}/windows/1:callNext")
    assert (called["number"], called["window"], called["state"]) == ("A001", 1, "TICKET_STATE_CALLED")
    board = await visitor.reads(f"{centre.hall}/board")
    assert board["openNow"]
    assert [(each["number"], each["window"]) for each in board["calls"]] == [("A001", 1)]
    assert [(each["letter"], each["waiting"], each["nextNumber"]) for each in board["queues"]] == [
        ("A", 1, "A002"), ("B", 1, "B001")]  # fmt: skip
    assert [(each["window"], each["departmentName"]) for each in board["present"]][1] == (
        3, {"zh": "城关区法院", "en": "People's Court"}[language])  # fmt: skip
    assert board["present"][1]["hours"] == [{"opens": "09:00", "closes": "11:00"}]

    # Nobody comes, is called again, is passed over; comes late, and is served after the next one.
    await clerk.refused(f"{centre.hall}/windows/1:callNext", "WINDOW_BUSY")
    assert (await clerk.does(f"{first['name']}:recall"))["calls"] == 2
    await clerk.does(f"{first['name']}:pass")
    assert (await clerk.does(f"{centre.hall}/windows/1:callNext"))["number"] == "A002"
    await clerk.refused(f"{first['name']}:recall", "WINDOW_BUSY")
    assert (await visitor.reads(first["name"]))["state"] == "TICKET_STATE_PASSED"
    report = await clerk.does(
        "reports",
        channel="CHANNEL_COUNTER",
        unit=f"units/{centre.unit}",
        category="categories/neighbour",
        text="楼上漏水。",
    )
    served = await clerk.does(f"{second['name']}:serve", report=report["name"])
    assert (served["state"], served["report"]) == ("TICKET_STATE_SERVED", report["name"])
    assert not (await visitor.reads(second["name"])).get("report")
    assert (await clerk.does(f"{first['name']}:recall", window=2))["window"] == 2
    await clerk.refused(f"{second['name']}:recall", "WRONG_STATE")
    await clerk.refused(f"{second['name']}:serve", "WRONG_STATE")

    # At the wrong window: the ticket keeps its number and its place in time.
    moved = await clerk.does(f"{first['name']}:move", queue="B")
    assert (moved["number"], moved["queue"], moved["state"]) == ("A001", "B", "TICKET_STATE_WAITING")
    court = centre.person("handler", centre.court, language)
    assert (await court.does(f"{centre.hall}/windows/3:callNext"))["number"] == "A001", "drawn before B001"
    listed = (await clerk.reads(f"{centre.hall}/tickets?pageSize=2"))["tickets"]
    assert [each["number"] for each in listed] == ["A001", "A002"]


@BOTH
async def test_what_the_head_cannot_set_up_is_named(centre: Centre, language: str) -> None:
    head = centre.person("unit_head", language=language)

    async def refused(field: str, code: str = "INVALID_FIELD", **changed: Any) -> None:
        await head.refused(f"{centre.hall}:configure", code, field, **centre.setup(**changed))

    a = {"letter": "A", "title": "甲"}
    await refused("queues[1].letter", queues=[a, a])
    await refused(
        "queues[1].letter", queues=[a, {"letter": "C", "title": "丙"}], windows=[{"window": 1, "queues": ["A"]}]
    )
    await refused("queues[0].categories[0]", "UNKNOWN_CATEGORY", queues=[{**a, "categories": ["categories/no-such"]}])
    await refused("windows[0].queues[0]", windows=[{"window": 1, "queues": ["Z"]}])
    await refused("windows[1].window", windows=[{"window": 1, "queues": ["A", "B"]}] * 2)
    await refused("hours[0].closes", hours=[{"opens": "12:00", "closes": "09:00"}])
    await refused("hours[0].opens", hours=[{"opens": "25:00", "closes": "09:00"}])
    await refused("hours", hours=[])
    await refused("postings[0].window", postings=[{"posting": 1, "window": 9}])
    await refused("postings[0].department", "UNKNOWN_UNIT", postings=[
        {"posting": 1, "window": 1, "department": f"units/{centre.unit}-no-such"}])  # fmt: skip
    day = {"year": 2026, "month": 2, "day": 30}
    await refused("postings[0].firstDate", postings=[{"posting": 1, "window": 1, "firstDate": day}])

    # Nobody who waits is left behind; an old version overwrites nothing.
    await head.does(f"{centre.hall}/tickets", queue="B")
    one = {"queues": [a], "windows": [{"window": 1, "queues": ["A"]}], "postings": []}
    await refused("queues", **one)
    await head.refused(f"{centre.hall}:configure", "ETAG_MISMATCH", **centre.setup(), etag="7")
    assert (await head.reads(centre.hall))["queues"][1]["titleEn"] == "Court matters"


async def test_who_is_on_duty_is_known_to_staff_until_the_day_is_over(centre: Centre) -> None:
    head, clerk, visitor = centre.person("unit_head"), centre.person("clerk"), centre.person()
    monday, friday = ({"year": 2026, "month": 9, "day": day} for day in (21, 25))
    assigned = {"firstDate": monday, "lastDate": friday, "officer": "judge-wang"}
    assert (await head.does(f"{centre.hall}/postings/2:assign", **assigned))["days"] == 5
    await head.refused(f"{centre.hall}/postings/9:assign", "NOT_FOUND", "name", **assigned)
    await head.refused(f"{centre.hall}/postings/2:assign", "INVALID_FIELD", "lastDate", **{
        **assigned, "lastDate": {"year": 2026, "month": 12, "day": 1}})  # fmt: skip
    await head.refused(f"{centre.hall}/postings/2:assign", "INVALID_FIELD", "firstDate", officer="x", firstDate={
        "year": 2026, "month": 9, "day": 18})  # fmt: skip
    today = await clerk.reads(f"{centre.hall}/days/{MONDAY}")
    assert [each.get("officer", "") for each in today["present"]] == ["", "judge-wang"]
    assert "judge-wang" not in (await visitor.gets(f"{centre.hall}/board")).text
    assert (await visitor.gets(f"{centre.hall}/days/{MONDAY}")).status_code == 401
    tuesday = await clerk.reads(f"{centre.hall}/days/{TUESDAY}")
    assert [each["posting"] for each in tuesday["present"]] == [1], "the court comes on Mondays and Wednesdays"
    assert not (await clerk.reads(f"{centre.hall}/days/{HOLIDAY}")).get("hours")
    assert (await clerk.reads(f"{centre.hall}/days/{MAKE_UP}"))["hours"], "a make-up day is a working day"
    assert (await clerk.gets(f"{centre.hall}/days/2026-02-30")).json()["errors"][0]["field"] == "name"

    centre.still.to(f"{TUESDAY}T10:00")
    past = await clerk.reads(f"{centre.hall}/days/{MONDAY}")
    assert [each.get("officer", "") for each in past["present"]] == ["", ""]
    # Nobody does anything in the hall, and the account is gone all the same; those of today and later stay.
    loop = asyncio.create_task(keep_emptying(Loop("duties"), centre.still.database, centre.still.time))
    async with asyncio.timeout(PATIENCE):
        while (kept := await duties(centre))[0] != (MONDAY, ""):
            await asyncio.sleep(0.05)
    loop.cancel()
    assert {officer for _, officer in kept[1:]} == {"judge-wang"}


async def duties(centre: Centre) -> list[tuple[str, str]]:
    """Return who is kept as on duty in the hall, by day."""
    query = text("SELECT day::text, officer FROM hall_duties WHERE unit = :unit ORDER BY day")
    async with centre.still.database.read() as connection:
        return [(day, officer) for day, officer in await connection.execute(query, {"unit": centre.unit})]


async def test_a_department_learns_nothing_by_a_ticket_about_what_it_may_not_read(centre: Centre) -> None:
    visitor, clerk, court = centre.person(), centre.person("clerk"), centre.person("handler", centre.court)
    report = {"channel": "CHANNEL_COUNTER", "unit": f"units/{centre.unit}", "category": "categories/neighbour",
              "text": "立案窗口不收材料。"}  # fmt: skip
    complaint = await clerk.does("reports", **report, aboutUnit=f"units/{centre.court}")
    other = await clerk.does("reports", **report)
    missing = f"{other['name'][:-6]}999999"
    for made in (complaint, other):
        drawn = await visitor.does(f"{centre.hall}/tickets", queue="B")
        await court.does(f"{centre.hall}/windows/3:callNext")
        for name in (complaint["name"], other["name"], missing):
            await court.refused(f"{drawn['name']}:serve", "NOT_FOUND", "report", report=name)
        served = await clerk.does(f"{drawn['name']}:serve", report=made["name"])
        assert served["report"] == made["name"]
        assert not (await court.reads(drawn["name"])).get("report")
    for person, shown in ((clerk, {complaint["name"], other["name"]}), (court, set[str]())):
        tickets = (await person.reads(f"{centre.hall}/tickets"))["tickets"]
        assert {each["report"] for each in tickets if each.get("report")} == shown


@BOTH
async def test_a_closed_hall_says_when_it_opens(centre: Centre, language: str) -> None:
    visitor = centre.person(language=language)
    for now, opens in (
        (f"{MONDAY}T12:00", f"{MONDAY} 14:00"), (f"{MONDAY}T17:30", f"{TUESDAY} 09:00"),
        (f"{HOLIDAY}T10:00", "2026-10-08 09:00"),
    ):  # fmt: skip
        centre.still.to(now)
        problem = await visitor.refused(f"{centre.hall}/tickets", "HALL_CLOSED", queue="A")
        assert opens in problem["detail"]
        assert not (await visitor.reads(f"{centre.hall}/board")).get("openNow")
    centre.still.to(f"{MONDAY}T11:59")
    assert (await visitor.does(f"{centre.hall}/tickets", queue="A"))["number"] == "A001"


async def test_a_ticket_of_yesterday_is_worth_nothing(centre: Centre) -> None:
    visitor, clerk = centre.person(), centre.person("clerk")
    old = await visitor.does(f"{centre.hall}/tickets", queue="A")
    centre.still.to(f"{TUESDAY}T09:30")
    for verb in ("recall", "pass", "serve"):
        await clerk.refused(f"{old['name']}:{verb}", "TICKET_EXPIRED")
    await clerk.refused(f"{centre.hall}/windows/1:callNext", "NOBODY_WAITING")
    assert (await visitor.reads(old["name"]))["state"] == "TICKET_STATE_EXPIRED"
    assert not (await visitor.reads(f"{centre.hall}/board")).get("calls")
    assert (await visitor.does(f"{centre.hall}/tickets", queue="A"))["number"] == "A001", "each day begins anew"
    page = await clerk.reads(
        f"{centre.hall}/tickets?date.year=2026&date.month=9&date.day=21&states=TICKET_STATE_EXPIRED"
    )
    assert [each["name"] for each in page["tickets"]] == [old["name"]]


async def test_two_windows_that_call_at_once_call_two_people(centre: Centre) -> None:
    visitor, clerk = centre.person(), centre.person("clerk")
    drawn = await asyncio.gather(*(visitor.does(f"{centre.hall}/tickets", queue="A") for _ in range(6)))
    assert sorted(each["number"] for each in drawn) == [f"A{n:03}" for n in range(1, 7)]
    called = await asyncio.gather(*(clerk.does(f"{centre.hall}/windows/{window}:callNext") for window in (1, 2)))
    assert sorted(each["number"] for each in called) == ["A001", "A002"]
    tried = await asyncio.gather(*(clerk.sends(f"{centre.hall}/windows/1:callNext") for _ in range(4)))
    assert {each.json()["code"] for each in tried} == {"WINDOW_BUSY"}
    # The same call twice, as after a lost answer, calls once.
    await clerk.does(f"{called[0]['name']}:serve")
    key = request_id()
    again = [(await clerk.sends(f"{centre.hall}/windows/{called[0]['window']}:callNext", key)).json() for _ in range(2)]
    assert again[0]["number"] == again[1]["number"] == "A003"


async def test_who_may_not_is_refused(centre: Centre) -> None:
    visitor, head = centre.person(), centre.person("unit_head")
    ticket = (await visitor.does(f"{centre.hall}/tickets", queue="A"))["name"]
    for role, unit in (("clerk", "11"), ("handler", f"{centre.unit}001"), ("citizen", ""), ("unit_head", "")):
        await centre.person(role, unit).refused(f"{centre.hall}/windows/1:callNext", "PERMISSION_DENIED")
    court = centre.person("handler", centre.court)
    await court.refused(f"{centre.hall}/windows/1:callNext", "PERMISSION_DENIED")
    await court.refused(f"{centre.hall}/windows/3:callNext", "NOBODY_WAITING")
    await court.refused(f"{ticket}:recall", "PERMISSION_DENIED", window=3)
    await centre.person("clerk").refused(f"{centre.hall}/windows/9:callNext", "INVALID_FIELD", "name")
    centre.still.to(f"{TUESDAY}T09:30")
    await court.refused(f"{centre.hall}/windows/3:callNext", "PERMISSION_DENIED")  # not posted on Tuesdays
    assert (await centre.person("clerk", "11").gets(f"{centre.hall}/tickets")).status_code == 403
    assert (
        await centre.person("unit_head", "11").sends(f"{centre.hall}:configure", **centre.setup())
    ).status_code == 403

    # Without an account: only where the door is open, with a key of one's own, within limits.
    await centre.person("unit_head").does(f"{centre.hall}:configure", **centre.setup(openDoor=False))
    await visitor.refused(f"{centre.hall}/tickets", "DOOR_CLOSED", queue="A")
    assert (await visitor.gets(f"{centre.hall}/board")).json()["code"] == "DOOR_CLOSED"
    assert (await centre.person("citizen").does(f"{centre.hall}/tickets", queue="A"))["number"]
    await head.does(f"{centre.hall}:configure", **centre.setup())
    short = await visitor.sends(f"{centre.hall}/tickets", "a-short-key", queue="A")
    assert (short.json()["code"], short.json()["errors"][0]["field"]) == ("INVALID_FIELD", "Idempotency-Key")
    for body in ({}, {"queue": "A", "category": "categories/neighbour"}, {"queue": "Z"}):
        await visitor.refused(f"{centre.hall}/tickets", "INVALID_FIELD", "queue", **body)
    await visitor.refused("halls/11/tickets", "NOT_FOUND", "parent", queue="A")
    codes = [(await visitor.sends(f"{centre.hall}/tickets", queue="A")).status_code for _ in range(31)]
    assert (codes[0], codes[-1]) == (200, 429)


async def test_a_queue_gives_out_no_more_than_its_limit(centre: Centre) -> None:
    queues = [{**SETUP["queues"][0], "dailyLimit": 2}, SETUP["queues"][1]]
    await centre.person("unit_head").does(f"{centre.hall}:configure", **centre.setup(queues=queues))
    visitor = centre.person(language="en")
    for _ in range(2):
        await visitor.does(f"{centre.hall}/tickets", queue="A")
    assert "Disputes" in (await visitor.refused(f"{centre.hall}/tickets", "QUEUE_FULL", queue="A"))["detail"]


def test_a_ticket_has_no_place_for_a_name() -> None:
    told = {field.name for field in hall_pb2.DrawTicketRequest.DESCRIPTOR.fields}
    assert told == {"parent", "queue", "category", "manner", "request_id"}
    assert not {"officer", "caller", "person"} & {field.name for field in hall_pb2.Ticket.DESCRIPTOR.fields}
