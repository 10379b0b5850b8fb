"""Each organ writes, signs and answers for itself: letters, recommendations, ledgers, look-backs, by one token each."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from casework.names import number_of
from casework.papers.chinese import date_zh
from services.kit.instants import stamp
from tests.conftest import Clients
from tests.dossiers import text_of
from tests.papers import RULES
from tests.patience import CALL
from tests.still import Still, shipped_rules, standing_still
from tests.still_door import door_of
from tests.test_hall import BOTH, Person
from tests.world_backlog import case, record, report

CITY, COUNTY, TOWN, VILLAGE = "6201", "620102", "620102001", "620102001001"
COURT, PROCURATORATE, LABOUR = f"{COUNTY}-court", f"{COUNTY}-procuratorate", f"{COUNTY}-labour"
MORNING = "2026-03-02T09:00"
WORDS = {"basis": "督办工作制度第三条。", "facts": "事项逾期，未见办理。", "demand": "请限期办结。"}
_NUMBERS = itertools.count(1)
FACTS = {"peopleAffected": 62, "scope": "SCOPE_TOWNSHIP", "impact": "MATTER_IMPACT_LIVELIHOOD"}


@dataclass
class Organs:
    """The organs of the province, at a service whose time the test sets, over REST."""

    still: Still
    rest: httpx.AsyncClient
    language: str = "zh"

    def of(self, role: str, unit: str) -> Person:
        return Person(self.rest, self.still.stack.token(role, unit), self.language)

    def day(self, days: int = 0) -> dict[str, int]:
        found = self.today() + timedelta(days=days)
        return {"year": found.year, "month": found.month, "day": found.day}

    def today(self) -> date:
        return self.still.time.now().astimezone(LOCAL).date()

    async def denied(self, path: str, *who: tuple[str, str], **body: Any) -> None:
        """Check that none of these may do something."""
        for role, unit in who:
            answer = await self.of(role, unit).sends(path, **body)
            assert answer.json().get("code") == "PERMISSION_DENIED", (path, role, unit, answer.text)

    async def clocks(self, name: str) -> dict[str, tuple[str, str]]:
        """Return state and due time of the clocks of a file, by key."""
        found = await self.of("auditor", "62").reads(f"clocks/escalation?case={name}&pageSize=200")
        return {
            each["name"].partition(".")[2]: (each["state"].removeprefix("CLOCK_STATE_"), each["dueTime"])
            for each in found["clocks"]
        }


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    async with standing_still(stack) as found:
        yield found


@pytest.fixture
async def organs(still: Still) -> AsyncIterator[Organs]:
    still.to(MORNING)
    async with door_of(still) as url, httpx.AsyncClient(base_url=url, timeout=CALL) as rest:
        yield Organs(still, rest)


# --- letters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "issuer", "unit", "language"),
    [("cn", "62", CITY, "zh"), ("62", CITY, COUNTY, "en"), (CITY, COUNTY, TOWN, "zh"), (CITY, COUNTY, LABOUR, "en")],
)
async def test_a_letter_is_written_signed_and_answered_by_the_organs_whose_it_is(
    organs: Organs, above: str, issuer: str, unit: str, language: str
) -> None:
    organs.language = language
    letter = {"kind": "LETTER_KIND_NOTICE", "issuer": f"units/{issuer}", "unit": f"units/{unit}",
              "subject": f"cases/{COUNTY}-2026-000061"}  # fmt: skip
    draft = {"letter": letter, "wording": {"words": WORDS, "dueDate": organs.day(40)}}
    others = [("supervisor", above), ("unit_head", above), ("supervisor", unit), ("unit_head", unit)]
    await organs.denied(
        "letters", *others, *((role, issuer) for role in ("handler", "clerk", "reviewer", "auditor", "mediator")),
        **draft,
    )  # fmt: skip
    name = (await organs.of("duty_officer", issuer).does("letters", **draft))["name"]
    sign = {"office": "LETTER_OFFICE_HEAD"}
    await organs.denied(f"{name}:approve", *others, ("supervisor", issuer), ("duty_officer", issuer), **sign)
    number = (await organs.of("unit_head", issuer).does(f"{name}:approve", **sign))["documentNumber"]
    serve = {"manner": "SERVICE_MANNER_IN_PERSON"}
    await organs.denied(f"{name}:serve", *others, ("clerk", above), ("clerk", unit), **serve)
    assert (await organs.of("handler", unit).gets(name)).status_code == 403, "not before it is served"
    await organs.of("clerk", issuer).does(f"{name}:serve", **serve)

    own = [("unit_head", above), ("unit_head", issuer), ("handler", issuer), ("auditor", unit)]
    await organs.denied(f"{name}:confirmReceipt", *own)
    await organs.of("clerk", unit).does(f"{name}:confirmReceipt")
    await organs.denied(f"{name}:reply", *own, ("clerk", unit), measures="已办。")
    await organs.denied(f"{name}:object", *own, ("handler", unit), grounds="事实不符。")
    assert (await organs.of("supervisor", above).gets(name)).status_code == 200, "the level above reads it"
    await organs.of("handler", unit).does(f"{name}:reply", measures="已限期办结。")
    await organs.denied(f"{name}:verify", *others, sufficient=True, finding="属实。")
    done = await organs.of("supervisor", issuer).does(f"{name}:verify", sufficient=True, finding="属实。")
    assert done["state"] == "LETTER_STATE_CLOSED"

    paper = await organs.of("handler", unit).gets(f"{name}/document")
    text, called = text_of(paper.content), shipped_rules(RULES).units.paper
    assert number.startswith(f"{called(issuer).mark}提〔2026〕")
    for said in (called(issuer).full, f"{called(unit).addressee}：", number, date_zh(organs.today())):
        assert said in text, (said, text)
    assert "demo-" not in text


@BOTH
async def test_no_letter_goes_to_a_court_or_a_procuratorate(organs: Organs, language: str) -> None:
    organs.language = language
    for unit in (COURT, PROCURATORATE):
        letter = {"kind": "LETTER_KIND_INSPECTION", "issuer": f"units/{COUNTY}", "unit": f"units/{unit}",
                  "subject": f"cases/{COUNTY}-2026-000062"}  # fmt: skip
        wording = {"words": WORDS, "dueDate": organs.day(40)}
        told = await organs.of("supervisor", COUNTY).refused(
            "letters", "INVALID_FIELD", "letter.unit", letter=letter, wording=wording
        )
        assert ("独立行使职权" if language == "zh" else "recommend") in told["errors"][0]["message"]


# --- recommendations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "author", "language"),
    [("JUDICIAL", COURT, "zh"), ("PROCURATORIAL", PROCURATORATE, "en"), ("PROMPT", COUNTY, "zh")],
)
async def test_a_recommendation_comes_to_its_measured_end_by_the_tokens_of_those_it_belongs_to(
    organs: Organs, clients: Clients, kind: str, author: str, language: str
) -> None:
    organs.language, still = language, organs.still
    await wage_cases(organs, clients, days_ago=[n * 1.5 for n in range(1, 21)])
    draft = {
        "kind": f"RECOMMENDATION_KIND_{kind}", "unit": f"units/{author}", "addressee": f"units/{LABOUR}",
        "place": f"units/{TOWN}", "category": "categories/labour", "researched": True, "communicated": True,
        "pairs": [{"problem": "分包后无人核对工资表。", "advice": "由总包按月核对工资表。"}],
    }  # fmt: skip
    others = [(role, unit) for role in ("duty_officer", "unit_head") for unit in (CITY, LABOUR)]
    others += [("unit_head", unit) for unit in (COUNTY, COURT, PROCURATORATE) if unit != author]
    await organs.denied("recommendations", *others, **draft)
    name = (await organs.of("duty_officer", author).does("recommendations", **draft))["name"]
    await organs.denied(f"{name}:approve", *others, ("reviewer", author), approved=True)
    approved = await organs.of("unit_head", author).does(f"{name}:approve", approved=True)
    await organs.denied(f"{name}:serve", *others, ("clerk", CITY), ("clerk", LABOUR), receipt="receipt-1")
    await organs.of("clerk", author).does(f"{name}:serve", receipt="receipt-1")
    paper = await organs.of("handler", LABOUR).gets(f"{name}/document")
    text, called = text_of(paper.content), shipped_rules(RULES).units.paper
    for said in (called(author).full, f"{called(LABOUR).addressee}：", approved["letterNumber"]):
        assert said in text, (said, text)

    reply = {"replies": [{"pair": 1, "adoption": "ADOPTION_ADOPTED"}], "measures": "已下发核对办法。"}
    await organs.denied(f"{name}:reply", ("unit_head", author), ("unit_head", CITY), ("clerk", LABOUR), **reply)
    still.to("2026-03-20T09:00")
    await organs.of("handler", LABOUR).does(f"{name}:reply", **reply)
    visit = {"pairs": [{"pair": 1, "carriedOut": "CARRYING_OUT_DONE"}], "note": "抽查两处工地。"}
    await organs.denied(f"{name}:recordVisit", *others, **visit)
    still.to("2026-04-10T09:00")
    seen = await organs.of("reviewer", author).does(f"{name}:recordVisit", **visit)
    assert (seen["state"], seen["dueTime"]) == ("RECOMMENDATION_STATE_VISITED", "2026-09-28T15:59:59Z")

    await organs.denied(f"{name}:close", *others, ("duty_officer", author), ("handler", LABOUR))
    early = await organs.of("reviewer", author).refused(f"{name}:close", "EFFECT_TOO_EARLY")
    assert "2026-04-30" in early["detail"]
    still.to("2026-06-10T09:00")
    await organs.of("unit_head", author).refused(f"{name}:close", "SAME_PERSON")
    closed = await organs.of("reviewer", author).does(f"{name}:close")
    assert (closed["state"], closed["effect"]) == ("RECOMMENDATION_STATE_CLOSED", "EFFECT_VERDICT_FEWER")
    assert (await organs.clocks(name))["effect-1"][0] == "MET"
    await organs.of("reviewer", author).refused(f"{name}:close", "WRONG_STATE")
    # What is counted later no longer changes what was found: the days after are those that were over then.
    still.to("2026-08-10T09:00")
    await wage_cases(organs, clients, days_ago=[n * 1.5 for n in range(1, 31)])
    shown = await organs.of("reviewer", author).reads(f"{name}/effect")
    assert (shown["verdict"], shown["afterEndTime"]) == ("EFFECT_VERDICT_FEWER", "2026-06-10T01:00:00Z")
    listed = await organs.of("auditor", author).reads("recommendations?open=true&pageSize=1000")
    assert name not in {each["name"] for each in listed.get("recommendations", [])}


@pytest.mark.parametrize(("kind", "author"), [("PROMPT", LABOUR), ("PROMPT", COURT), ("JUDICIAL", COUNTY)])
async def test_each_kind_comes_from_its_own_organ_and_has_its_numbers(organs: Organs, kind: str, author: str) -> None:
    draft = {
        "kind": f"RECOMMENDATION_KIND_{kind}", "unit": f"units/{author}", "addressee": f"units/{COUNTY}-housing",
        "place": f"units/{TOWN}", "category": "categories/labour", "pairs": [{"problem": "无。", "advice": "无。"}],
    }  # fmt: skip
    await organs.of("duty_officer", author).refused("recommendations", "INVALID_FIELD", "unit", **draft)


@pytest.mark.parametrize("addressee", [f"{CITY}-housing", "620103-labour", "62"])
async def test_a_recommendation_goes_to_an_organ_of_its_area(organs: Organs, addressee: str) -> None:
    draft = {
        "kind": "RECOMMENDATION_KIND_JUDICIAL", "unit": f"units/{COURT}", "addressee": f"units/{addressee}",
        "place": f"units/{TOWN}", "category": "categories/labour", "pairs": [{"problem": "无。", "advice": "无。"}],
    }  # fmt: skip
    await organs.of("duty_officer", COURT).refused("recommendations", "UNKNOWN_UNIT", "addressee", **draft)


async def wage_cases(organs: Organs, clients: Clients, days_ago: list[float]) -> None:
    """Record wage cases of a village, received so many days ago."""
    at, now, unit = organs.still.clients(clients), organs.still.time.now(), f"units/{VILLAGE}"
    for days in days_ago:
        number = f"{COUNTY}-2026-{next(_NUMBERS):06}"
        fields = {"receive_time": stamp(now - timedelta(days=days)), "category": "categories/labour"}
        await record(at, report(number, 0, unit, area=VILLAGE, **fields), case(number, 0, unit, **fields))


# --- the ledger, level by level -------------------------------------------------------------------------------------


async def test_a_matter_goes_up_the_ledgers_level_by_level_and_each_sees_its_own(organs: Organs) -> None:
    told = {"level": "MATTER_LEVEL_TOWNSHIP", "place": f"units/{VILLAGE}", "category": "categories/expropriation"}
    content = {"title": "安置房逾期交付", "facts": "六十二户，逾期两年。"}
    village = organs.of("unit_head", VILLAGE)
    await organs.denied("matters", ("handler", VILLAGE), ("unit_head", "620102002"), matter=told, content=content)
    await village.refused(
        "matters", "INVALID_FIELD", "matter.level", matter={**told, "level": "MATTER_LEVEL_COUNTY"}, content=content
    )
    made = await village.does("matters", matter=told, content=content)
    name = made["name"]
    assert (made["keeper"], made["field"]) == (f"units/{TOWN}", "demolition")
    # Who put it forward finds it again, and neither grades it nor reads what others write.
    assert name in {each["name"] for each in (await village.reads("matters?pageSize=1000"))["matters"]}
    assert (await village.gets(f"{name}/text")).status_code == 403
    await organs.denied(f"{name}:grade", ("unit_head", VILLAGE), ("supervisor", "620102002"), facts=FACTS)
    await organs.of("supervisor", TOWN).does(f"{name}:grade", facts=FACTS)
    part = {"part": "PART_RESPONSIBLE", "unit": f"units/{VILLAGE}", "dueDate": organs.day(60), "measures": "限期交付。"}
    await organs.of("unit_head", TOWN).does(f"{name}:assign", assignments=[part])
    work = {"text": "已与四十户签约。"}
    await organs.denied(f"{name}/assignments/1:reportProgress", ("handler", TOWN + "002"), ("clerk", VILLAGE), **work)
    await organs.of("handler", VILLAGE).does(f"{name}/assignments/1:reportProgress", **work)

    ways = [(TOWN, COUNTY, "COUNTY"), (COUNTY, CITY, "CITY"), (CITY, "62", "PROVINCE")]
    for keeper, above, level in ways:
        up = {"level": f"MATTER_LEVEL_{level}", "reason": "too-big"}
        await organs.denied(f"{name}:moveLevel", ("unit_head", VILLAGE), ("handler", keeper), **up)
        moved = await organs.of("unit_head", keeper).does(f"{name}:moveLevel", **up)
        assert (moved["keeper"], moved["dueDate"]) == (f"units/{above}", organs.day(60)), "no date moves"
        await organs.denied(f"{name}:moveLevel", ("unit_head", keeper), **up)
        await _is_counted(organs, above, level, name)
    foreign = await organs.of("supervisor", "620103").reads("matters?pageSize=1000")
    assert name not in {each["name"] for each in foreign.get("matters", [])}
    wrong = await organs.of("supervisor", COUNTY).gets("matters?field=nonsense")
    assert (wrong.json()["code"], wrong.json()["errors"][0]["field"]) == ("INVALID_FIELD", "field")
    down = {"level": "MATTER_LEVEL_TOWNSHIP", "keeper": f"units/{TOWN}", "reason": "settled-there"}
    assert (await organs.of("supervisor", "62").does(f"{name}:moveLevel", **down))["keeper"] == f"units/{TOWN}"


async def _is_counted(organs: Organs, keeper: str, level: str, name: str) -> None:
    """Check that the keeper of a matter lists, counts and exports it, by level and by field."""
    at = organs.of("supervisor", keeper)
    for asked, found in ((f"level=MATTER_LEVEL_{level}", True), ("field=demolition", True), ("field=health", False)):
        listed = await at.reads(f"matters?pageSize=1000&{asked}")
        assert (name in {each["name"] for each in listed.get("matters", [])}) is found, asked
        counted = await at.reads(f"matters:count?{asked}")
        assert counted["total"] == len(listed.get("matters", [])), asked
    fields = {each["field"]: each["count"] for each in (await at.reads("matters:count"))["fields"]}
    assert fields["demolition"] >= 1
    organs.language = "en"
    answer = await organs.of("supervisor", keeper).gets("matters:export?form=MATTER_FILE_FORM_CSV&field=demolition")
    organs.language = "zh"
    head, *lines = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[:7] == ["No.", "Number", "Matter", "Category", "Field", "Ledger", "Grade"]
    (line,) = [each for each in lines if each[1] == name.removeprefix("matters/")]
    assert line[4:7] == ["Demolition and resettlement", level.lower(), "high"]


# --- looking back ---------------------------------------------------------------------------------------------------


@BOTH
async def test_a_look_back_begins_with_the_striking_off_is_on_the_list_and_waits_for_its_day(
    organs: Organs, language: str
) -> None:
    organs.language, still = language, organs.still
    name = await struck_off(organs)
    running = await organs.clocks(name)
    assert running["lookback-1-30"] == ("RUNNING", "2026-04-01T15:59:59Z")
    assert running["lookback-1-90"] == ("RUNNING", "2026-05-31T15:59:59Z")
    reviewer, holds = organs.of("reviewer", COUNTY), {"result": "LOOK_BACK_RESULT_HOLDS"}
    still.to("2026-03-24T23:00")
    early = await reviewer.refused(f"{name}/lookBacks/30:record", "LOOK_BACK_EARLY", **holds)
    assert "2026-03-25" in early["detail"]
    work = await organs.of("supervisor", COUNTY).reads("worklist?scope=WORK_SCOPE_UNIT&pageSize=500")
    assert any(item["subject"] == f"{name}/lookBacks/30" for item in work["items"]), "it is on the keeper's list"
    still.to("2026-03-25T09:00")
    await organs.denied(f"{name}/lookBacks/30:record", ("reviewer", LABOUR), ("handler", COUNTY), **holds)
    await reviewer.does(f"{name}/lookBacks/30:record", text="住户已入住。", **holds)
    await reviewer.refused(f"{name}/lookBacks/30:record", "ALREADY_EXISTS", **holds)
    assert (await organs.clocks(name))["lookback-1-30"][0] == "MET"

    # The second one is forgotten: a second after its day the level above is told, once; late it can still be recorded.
    still.to("2026-05-31T23:59:59")
    await still.fire(number_of(name))
    assert not (await organs.of("supervisor", CITY).reads(f"{name}/escalations"))["escalations"]
    still.to("2026-06-01T00:00")
    await still.fire(number_of(name))
    (raised,) = (await organs.of("supervisor", CITY).reads(f"{name}/escalations"))["escalations"]
    assert (raised["subject"], raised["toUnit"]) == (f"{name}/lookBacks/90", f"units/{CITY}")
    again = await reviewer.does(f"{name}/lookBacks/90:record", result="LOOK_BACK_RESULT_RELAPSED")
    assert (again["state"], again["entry"]) == ("MATTER_STATE_GRADED", 2)
    assert (await organs.clocks(name))["lookback-1-90"][0] == "MET"


async def struck_off(organs: Organs) -> str:
    """Return a matter of the county that its bureau handled and a reviewer struck off today."""
    keeper = organs.of("supervisor", COUNTY)
    told = {"level": "MATTER_LEVEL_COUNTY", "place": f"units/{TOWN}", "category": "categories/labour"}
    name = (await keeper.does("matters", matter=told, content={"title": "工资拖欠"}))["name"]
    await keeper.does(f"{name}:grade", facts=FACTS)
    part = {"part": "PART_RESPONSIBLE", "unit": f"units/{LABOUR}", "dueDate": organs.day(30), "measures": "限期支付。"}
    await keeper.does(f"{name}:assign", assignments=[part])
    handler = organs.of("handler", LABOUR)
    await handler.does(f"{name}/assignments/1:reportProgress", text="已支付。")
    shown = await handler.does(f"{name}/evidence", reference="doc-7")
    await handler.does(f"{name}:requestStrikeOff", evidence=[shown["name"]], text="全部支付。")
    await organs.of("reviewer", COUNTY).does(f"{name}:verifyStrikeOff", verdict="STRIKE_OFF_VERDICT_GOOD")
    return str(name)
