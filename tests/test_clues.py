"""Clues: received, verified, transferred, handled, their result used; by each person's token alone, over REST."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google.type import date_pb2
from pb.clock.v1 import clock_pb2, clock_pb2_grpc
from pb.escalation.v1 import clues_pb2 as pb
from pb.escalation.v1 import clues_pb2_grpc, escalation_pb2, escalation_pb2_grpc

from accord.embedded.stack import Stack
from casework import names
from casework.door.clue import ClueFinding, ClueResult, ClueState, closed_with, move
from casework.errors import CaseError
from tests.conftest import Clients, request_id
from tests.dossiers import text_of
from tests.patience import CALL
from tests.scenario import Desk, RefusedError, day, refused
from tests.scratch import Scratch
from tests.still import Still, standing_still
from tests.still_door import door_of
from tests.world_clues import DEPARTMENT, UNIT, Keepers, clue

HERE, TOWN = "620105", "620105001"
WORDS, WHO = "镇里分房名单先给了干部亲戚。", "不愿具名的邻居"
TOLD: dict[str, Any] = {
    "unit": f"units/{HERE}", "source": "CLUE_SOURCE_PEOPLE", "place": f"units/{TOWN}",
    "category": "categories/land", "about_unit": f"units/{TOWN}", "description": WORDS, "reporter_name": WHO,
    "reporter_contact": "由村口小卖部转",
}  # fmt: skip


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of a county in which no other test has clues."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack, HERE)


async def verified(desk: Desk, finding: str = "FOUNDED", **fields: Any) -> str:
    """Return a clue of the county that its petition office verified."""
    name = str((await desk.post("clues", "supervisor", **{**TOLD, **fields}))["name"])
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-petition", instruction="查分房名单。")
    office = desk.at(f"{HERE}-petition")
    told = {"finding": f"CLUE_FINDING_{finding}", "text": "查阅公示与会议记录。"}
    await office.post(f"{name}:reportVerification", "handler", "the-verifier", **told)
    return name


async def known(desk: Desk, path: str, **body: Any) -> Any:
    """Make a call until the report it names has reached supervision."""
    async with asyncio.timeout(CALL):
        while True:
            try:
                return await desk.post(path, "supervisor", **body)
            except RefusedError as error:
                if error.problem["status"] != 404:
                    raise
                await asyncio.sleep(0.1)


async def test_a_county_has_a_clue_verified_transfers_it_and_uses_the_result(desk: Desk, stack: Stack) -> None:
    town, office = desk.at(TOWN), desk.at(f"{HERE}-petition")
    made = await desk.post("clues", "supervisor", **TOLD)
    name = made["name"]
    assert (made["state"], made["dueTime"] != "") == ("CLUE_STATE_REGISTERED", True)
    for role in ("unit_head", "handler"):
        with refused("PERMISSION_DENIED"):
            await town.get(name, role)
        assert name not in {each["name"] for each in (await town.get("clues", role)).get("clues", [])}
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-petition", instruction="查分房名单。")
    read = await office.get(f"{name}/text", "handler")
    assert (read["description"], read["instruction"]) == (WORDS, "查分房名单。")
    with refused("PERMISSION_DENIED"):
        await office.get(f"{name}/reporter", "unit_head", purpose="CLUE_READING_PURPOSE_VERIFY")
    await office.post(f"{name}:reportVerification", "handler", finding="CLUE_FINDING_FOUNDED", text="名单未公示。")
    assert not (await office.get(f"{name}/text", "handler"))["description"]

    # The unit it is about sees it once it is transferred to it: what to do, not what was said.
    await desk.post(f"{name}:transfer", "supervisor", addressee=f"units/{TOWN}", text="请重新公示。", due_date=day(9))
    assert name in {each["name"] for each in (await town.get("clues", "handler", None, open=True))["clues"]}
    await town.post(f"{name}:answerTransfer", "unit_head", accepted=True)
    text = await town.get(f"{name}/text", "handler")
    assert {part: told for part, told in text.items() if told and part != "name"} == {"transfer": "请重新公示。"}
    with refused("PERMISSION_DENIED"):
        await town.get(f"{name}/reporter", "unit_head", purpose="CLUE_READING_PURPOSE_ANSWER")
    await town.post(f"{name}:reportHandling", "handler", text="已重新公示七日。", evidence="公示照片")
    await desk.post(f"{name}:return", "supervisor", text="请附会议记录。")
    handled = await town.post(f"{name}:reportHandling", "handler", text="已补会议记录。", evidence="会议记录")
    assert (handled["state"], handled["returned"]) == ("CLUE_STATE_HANDLED", 1)

    # The reporter is told: who asked who that is, and what for, is on record.
    told = await desk.get(f"{name}/reporter", "supervisor", None, purpose="CLUE_READING_PURPOSE_ANSWER")
    assert (told["reporterName"], told["account"]) == (WHO, "")
    readings = (await desk.get(f"{name}/readings", "auditor"))["readings"]
    assert [each["reporter"] for each in readings] == [True, False, False, False]
    assert readings[0]["purpose"] == "CLUE_READING_PURPOSE_ANSWER"

    # Its result is used: a report of the same matter, then closed by somebody who neither verified nor handled it.
    report = await desk.post("reports", "clerk", channel="CHANNEL_COUNTER", unit=f"units/{HERE}", text="分房公示。",
                             category="categories/land")  # fmt: skip
    used = await known(desk, f"{name}:use", target=report["name"])
    assert [each["target"] for each in used["uses"]] == [report["name"]]
    closed = await desk.post(f"{name}:close", "supervisor", result="CLUE_RESULT_USED")
    assert (closed["state"], closed["result"], closed.get("dueTime")) == ("CLUE_STATE_CLOSED", "CLUE_RESULT_USED", None)
    lines = await desk.get("registerEntries", "supervisor", None, kind="REGISTER_KIND_LEAD")
    assert name in {each["file"] for each in lines["entries"]}
    connection = await Scratch.main(stack).connect()
    try:
        for table in ("clues", "clue_uses", "events", "requests", "clock_entries"):
            held = await connection.fetchval(f"SELECT string_agg(each::text, ' ') FROM escalation.{table} AS each")
            assert not [told for told in (WORDS, WHO, "名单未公示。", "已重新公示七日。") if told in held], table
    finally:
        await connection.close()


async def test_a_clue_is_never_kept_or_verified_by_the_unit_it_is_about(desk: Desk) -> None:
    with refused("COMPLAINED_OF"):
        await desk.at(TOWN).post("clues", "clerk", **{**TOLD, "unit": f"units/{TOWN}"})
    # Somebody of the unit it is about tells the level above, which does not show who it was.
    name = (await desk.at(TOWN).post("clues", "clerk", "an-insider", **TOLD))["name"]
    with refused("PERMISSION_DENIED"):
        await desk.at(TOWN).get(name, "unit_head")
    told = await desk.get(f"{name}/reporter", "duty_officer", None, purpose="CLUE_READING_PURPOSE_PROTECT")
    assert told["account"] == "an-insider"
    events = await desk.get("feeds/escalation/events", "supervisor", None, case=name)
    assert "an-insider" not in str(events)
    for unit, reason in ((TOWN, "COMPLAINED_OF"), ("620104", "UNKNOWN_UNIT"), ("620105999", "UNKNOWN_UNIT")):
        with refused(reason):
            await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{unit}")
    with refused("COMPLAINED_OF"):
        await desk.post(f"{name}:transfer", "supervisor", addressee=f"units/{TOWN}", text="请办。")
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}")
    with refused("SAME_PERSON"):
        await desk.post(
            f"{name}:reportVerification", "handler", "an-insider", finding="CLUE_FINDING_FOUNDED", text="实。"
        )


async def test_what_is_not_true_is_closed_and_erased(desk: Desk, stack: Stack) -> None:
    name = await verified(desk, "UNFOUNDED", reporter_name="")
    for path, body in (
        ("transfer", {"addressee": f"units/{HERE}-petition", "text": "请办。"}),
        ("close", {"result": "CLUE_RESULT_USED"}),
        ("close", {"result": "CLUE_RESULT_SETTLED"}),
        ("close", {"result": "CLUE_RESULT_UNCLEAR"}),
    ):
        with refused("CONTRADICTED"):
            await desk.post(f"{name}:{path}", "supervisor", **body)
    with refused("PERMISSION_DENIED"):
        await desk.at(TOWN).post(f"{name}:answerTransfer", "unit_head", accepted=True)
    await desk.post(f"{name}:close", "supervisor", result="CLUE_RESULT_UNFOUNDED")
    with refused("DATA_ERASED"):
        await desk.get(f"{name}/reporter", "supervisor", None, purpose="CLUE_READING_PURPOSE_ANSWER")
    assert not (await desk.get(f"{name}/text", "supervisor"))["description"]
    with refused("WRONG_STATE"):
        await desk.post(f"{name}:close", "supervisor", result="CLUE_RESULT_UNFOUNDED")


async def test_why_a_clue_was_sent_back_is_erased_with_it(desk: Desk) -> None:
    name, office, court = (
        (await desk.post("clues", "supervisor", **TOLD))["name"],
        desk.at(f"{HERE}-petition"),
        f"{HERE}-court",
    )
    await desk.post(f"{name}:transfer", "supervisor", addressee=f"units/{court}", text="请审查。")
    await desk.at(court).post(f"{name}:answerTransfer", "unit_head", accepted=False, reason="与本院无关")
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-petition", instruction="查分房名单。")
    told = {"finding": "CLUE_FINDING_UNFOUNDED", "text": "查阅公示与会议记录。"}
    await office.post(f"{name}:reportVerification", "handler", "the-verifier", **told)
    assert (await desk.get(name, "supervisor"))["declineReason"] == "与本院无关"
    await desk.post(f"{name}:close", "supervisor", result="CLUE_RESULT_UNFOUNDED")
    assert not (await desk.get(name, "supervisor"))["declineReason"]


async def test_a_unit_sends_a_clue_back_and_answers_for_itself(desk: Desk) -> None:
    name, court = await verified(desk, about_unit=""), desk.at(f"{HERE}-court")
    await desk.post(f"{name}:transfer", "supervisor", addressee=f"units/{HERE}-court", text="请审查。")
    with refused("PERMISSION_DENIED"):
        await desk.post(f"{name}:answerTransfer", "unit_head", accepted=True)
    with refused("PERMISSION_DENIED"):
        await desk.at("620104").get(name, "supervisor")
    with refused("REASON_REQUIRED"):
        await court.post(f"{name}:answerTransfer", "unit_head", accepted=False)
    back = await court.post(f"{name}:answerTransfer", "unit_head", accepted=False, reason="不属本院管辖")
    assert (back["state"], back["declineReason"], back["addressee"]) == ("CLUE_STATE_VERIFIED", "", "")
    assert (await desk.get(name, "supervisor"))["declineReason"] == "不属本院管辖"
    with refused("PERMISSION_DENIED"):
        await court.get(name, "unit_head")
    with refused("NOT_FOUND"):
        await desk.post(f"{name}:use", "supervisor", target="cases/620105-2026-999999")
    earlier = (await desk.post("clues", "supervisor", **TOLD))["name"]
    await desk.post(f"{name}:use", "supervisor", target=earlier)
    with refused("ALREADY_EXISTS"):
        await desk.post(f"{name}:use", "supervisor", target=earlier)
    with refused("SAME_PERSON"):
        await desk.post(f"{name}:close", "supervisor", "the-verifier", result="CLUE_RESULT_USED")


async def test_a_clue_is_verified_anew_without_what_was_found_before(desk: Desk) -> None:
    name = await verified(desk, "UNFOUNDED")
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-housing", instruction="请独立核查。")
    second = desk.at(f"{HERE}-housing")
    text = await second.get(f"{name}/text", "handler")
    assert (text["description"], text["instruction"]) == (WORDS, "请独立核查。")
    assert {part for part, told in text.items() if told} == {"name", "description", "instruction"}
    seen = await second.get(name, "handler")
    assert (seen["finding"], seen.get("verifyTime")) == ("CLUE_FINDING_UNSPECIFIED", None)
    await second.post(f"{name}:reportVerification", "handler", finding="CLUE_FINDING_FOUNDED", text="名单确未公示。")
    decides = await desk.get(f"{name}/text", "supervisor")
    assert (decides["finding"], decides["earlierFindings"]) == ("名单确未公示。", ["查阅公示与会议记录。"])
    for _ in range(8):
        await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-housing")
        await second.post(f"{name}:reportVerification", "handler", finding="CLUE_FINDING_FOUNDED", text="同前。")
    with refused("INVALID_FIELD"):
        await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-housing")


async def test_whom_a_clue_is_transferred_to_does_not_see_what_else_came_of_it(desk: Desk) -> None:
    name, town = await verified(desk), desk.at(TOWN)
    earlier = (await desk.post("clues", "supervisor", **TOLD))["name"]
    await desk.post(f"{name}:use", "supervisor", target=earlier)
    await desk.post(f"{name}:transfer", "supervisor", addressee=f"units/{TOWN}", text="请重新公示。")
    (listed,) = [each for each in (await town.get("clues", "handler"))["clues"] if each["name"] == name]
    assert not listed.get("uses")
    assert not (await town.get(name, "handler")).get("uses")
    assert [each["target"] for each in (await desk.get(name, "auditor"))["uses"]] == [earlier]


async def test_two_who_decide_at_once_do_it_once(desk: Desk) -> None:
    name = await verified(desk)
    transfer = {"addressee": f"units/{HERE}-housing", "text": "请办。"}
    answers = await asyncio.gather(
        *(desk.post(f"{name}:transfer", "supervisor", f"sup-{n}", **transfer) for n in range(4)),
        return_exceptions=True,
    )
    assert [isinstance(each, dict) for each in answers].count(True) == 1
    assert all("WRONG_STATE" in str(each) for each in answers if not isinstance(each, dict))


async def test_the_list_has_filters_and_true_counts(desk: Desk) -> None:
    here = desk.at("620111")
    told = {**TOLD, "unit": "units/620111", "place": "units/620111", "about_unit": ""}
    first = (await here.post("clues", "clerk", **told))["name"]
    await here.post("clues", "clerk", **{**told, "source": "CLUE_SOURCE_ABOVE"})
    found = await here.get("clues", "supervisor", None, page_size=1)
    assert (len(found["clues"]), found["totalSize"]) == (1, 2)
    rest = await here.get("clues", "supervisor", None, page_size=1, page_token=found["nextPageToken"])
    assert {found["clues"][0]["name"], rest["clues"][0]["name"]} > {first}
    above = await here.get("clues", "supervisor", None, source="CLUE_SOURCE_ABOVE", open=True)
    assert (above["totalSize"], above["clues"][0]["name"] != first) == (1, True)
    assert (await here.get("clues", "supervisor", None, overdue=True))["totalSize"] == 0


@pytest.mark.parametrize(
    ("state", "finding", "result", "uses", "may"),
    [
        (ClueState.REGISTERED, None, ClueResult.USED, 1, True),
        (ClueState.REGISTERED, None, ClueResult.USED, 0, False),
        (ClueState.REGISTERED, None, ClueResult.UNFOUNDED, 0, False),
        (ClueState.VERIFIED, ClueFinding.UNFOUNDED, ClueResult.UNFOUNDED, 0, True),
        (ClueState.VERIFIED, ClueFinding.FOUNDED, ClueResult.UNFOUNDED, 0, False),
        (ClueState.HANDLING, ClueFinding.FOUNDED, ClueResult.USED, 1, False),
        (ClueState.HANDLED, None, ClueResult.SETTLED, 0, True),
    ],
)  # fmt: skip
def test_a_clue_is_closed_as_its_facts_say(
    state: ClueState, finding: ClueFinding | None, result: ClueResult, uses: int, may: bool
) -> None:
    try:
        assert closed_with(result, state, finding, uses=uses) is ClueState.CLOSED
        assert may
    except CaseError:
        assert not may


def test_nothing_follows_a_closed_clue() -> None:
    for to in ClueState:
        with pytest.raises((CaseError, KeyError)):
            move(ClueState.CLOSED, to)


# --- the rights of who gave one ---------------------------------------------------------------------------------------


class Giver:
    """Who gave a clue, without an account: by its code and two words alone."""

    def __init__(self, rest: httpx.AsyncClient, made: dict[str, Any]) -> None:
        self._rest, self.code, self.name = rest, made["code"], made["name"]
        self.words = made["words"].partition(" / ")[0]
        self.token = ""

    async def comes(self, words: str = "") -> httpx.Response:
        """Sign in; keep the token if the words are right."""
        body = {"code": self.code, "secondFactor": words or self.words}
        answer = await self._rest.post("/v1/clues:signIn", json=body)
        if answer.status_code == 200:
            self.token = answer.json()["accessToken"]
        return answer

    async def reads(self, path: str, language: str = "zh") -> httpx.Response:
        head = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", "Accept-Language": language}
        return await self._rest.get(f"/v1/{path}", headers=head)

    async def asks(self, ground: str = "PARTY_REQUEST") -> httpx.Response:
        """Ask for the erasure."""
        head = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": request_id()}
        body = {"ground": f"ERASURE_GROUND_{ground}"}
        return await self._rest.post(f"/v1/{self.name}:requestErasure", json=body, headers=head)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_who_gave_a_clue_reads_by_its_code_what_they_told_and_who_looked(desk: Desk, language: str) -> None:
    made, other = [await desk.post("clues", "supervisor", **TOLD) for _ in range(2)]
    name = made["name"]
    assert "code" not in {part for part, told in (await desk.get(name, "supervisor")).items() if told}
    assert made["code"] not in str(await desk.get(f"{name}/reporter", "supervisor", None,
                                                  purpose="CLUE_READING_PURPOSE_PROTECT"))  # fmt: skip
    me = Giver(desk.rest, made)
    assert (await me.comes("不是这两个词")).json()["code"] == "SECOND_FACTOR_WRONG"
    assert (await me.comes()).status_code == 200
    await desk.post(f"{name}:assign", "supervisor", verifier=f"units/{HERE}-petition", instruction="查分房名单。")
    office = desk.at(f"{HERE}-petition")
    await office.post(f"{name}:reportVerification", "handler", finding="CLUE_FINDING_FOUNDED", text="名单未公示。")
    file = (await me.reads(f"{name}/file", language)).json()
    assert (file["description"], file["reporterName"]) == (WORDS, WHO)
    assert [each["reporter"] for each in file["looks"]] == [True]
    paper = text_of(base64.b64decode(file["content"]))
    assert all(told in paper for told in (WORDS, WHO, "verified" if language == "en" else "已核查"))
    for told in ("查分房名单。", "名单未公示。", "demo-", HERE + "-petition"):
        assert told not in str(file) + paper, "what was found, and by whom, is not theirs"
    for path in (name, f"{name}/text", f"{name}/reporter", f"{other['name']}/file", f"{name}/readings"):
        assert (await me.reads(path)).status_code == 403, path
    # In the very unit that keeps it, it is handed out; above and below it is not.
    assert (await desk.get(f"{name}/file", "duty_officer"))["description"] == WORDS
    for unit, role in (("6201", "unit_head"), (f"{HERE}-petition", "unit_head")):
        with refused("PERMISSION_DENIED"):
            await desk.at(unit).get(f"{name}/file", role)


async def test_a_used_clue_and_who_gave_it_are_kept_for_a_term_and_then_erased_by_two(stack: Stack) -> None:
    async with (
        standing_still(stack) as still, door_of(still) as url, httpx.AsyncClient(base_url=url, timeout=CALL) as rest,
    ):  # fmt: skip
        still.to("2026-03-02T09:00")
        desk = Desk(rest, stack, HERE)
        made, earlier = [await desk.post("clues", "supervisor", **TOLD) for _ in range(2)]
        name, me = made["name"], Giver(rest, made)
        assert (await me.comes()).status_code == 200
        assert (await me.asks()).json()["code"] == "ERASURE_BARRED", "it is not closed"
        await desk.post(f"{name}:use", "supervisor", target=earlier["name"])
        await desk.post(f"{name}:close", "supervisor", result="CLUE_RESULT_USED")
        assert (await me.asks()).json()["code"] == "ERASURE_BARRED", "the term is not over"
        assert not (await desk.get("erasures:dueClues", "unit_head"))["erasures"]

        still.to("2029-03-03T09:00")
        (due,) = (await desk.get("erasures:dueClues", "unit_head"))["erasures"]
        assert (due["case"], due["retentionClass"]) == (name, "used")
        await desk.post(f"{name}:holdData", "unit_head", "one", evidence="诉讼一号")
        assert (await me.asks()).json()["code"] == "ERASURE_BARRED", "it is held"
        await desk.post(f"{name}:releaseData", "unit_head", "two", evidence="诉讼已结")
        asked = await me.asks()
        assert (asked.status_code, asked.json()["state"]) == (200, "ERASURE_STATE_REQUESTED"), asked.text
        erased = await desk.post(f"{name}:erase", "unit_head", "one")
        assert (erased["state"], erased["complete"]) == ("ERASURE_STATE_ERASED", True)
        with refused("DATA_ERASED"):
            await desk.get(f"{name}/reporter", "supervisor", None, purpose="CLUE_READING_PURPOSE_ANSWER")
        assert (await me.reads(f"{name}/file")).json()["code"] == "DATA_ERASED"
        # The words are gone: the code alone opens the certificate.
        assert (await me.comes("不是这两个词")).status_code == 200
        paper = (await me.reads(f"{name}/erasure/certificate", "en")).json()
        assert (paper["decidedBy"].startswith("head of the unit"), paper["requestedBy"]) == (True, "who gave the clue")


# --- deadlines --------------------------------------------------------------------------------------------------------


class _Standing(Keepers):
    """The people of the county at the service that stands still."""

    def __init__(self, still: Still) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self.still, self.as_ = still, still.as_
        self.clues = clues_pb2_grpc.ClueServiceStub(still.channel)

    async def raised(self, name: str) -> list[tuple[str, str]]:
        """Fire what is due and return from which unit to which a clue was raised."""
        await self.still.fire(names.number_of(name))
        stub = escalation_pb2_grpc.EscalationServiceStub(self.still.channel)
        request = escalation_pb2.ListEscalationsRequest(parent=name)
        found = await stub.ListEscalations(request, **self.still.as_("supervisor", "62"))
        return [(names.last(each.from_unit), names.last(each.to_unit)) for each in reversed(found.escalations)]


async def test_every_step_has_its_clock(stack: Stack, clients: Clients) -> None:
    async with standing_still(stack) as still:
        here = _Standing(still)
        still.to("2026-03-02T09:00")
        name = str((await here.do("RegisterClue", clue(), "clerk")).name)
        still.to("2026-03-04T23:59")
        assert await here.raised(name) == []
        still.to("2026-03-05T00:00")
        assert await here.raised(name) == [("620102", "6201")]
        one: dict[str, Any] = {"name": name}
        until = date_pb2.Date(year=2026, month=3, day=20)
        assigned = pb.AssignClueRequest(**one, verifier=DEPARTMENT, due_date=until, request_id=request_id())
        await here.do("AssignClue", assigned, "supervisor")
        stub = clock_pb2_grpc.ClockServiceStub(still.channel)
        found = await stub.ListClocks(
            clock_pb2.ListClocksRequest(service="escalation", case=name), **still.as_("supervisor", "62")
        )
        running = {each.rule: each for each in found.clocks if each.state == clock_pb2.CLOCK_STATE_RUNNING}
        assert running["clue_verify"].due_time.ToDatetime().isoformat() == "2026-03-20T15:59:59"
        assert running["clue_verify"].unit == f"{UNIT}-labour"
