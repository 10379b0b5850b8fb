"""Three stories of prevention, told through REST alone: a hazard at night, a cluster of wage cases, a screening."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from docx import Document

from accord.embedded.stack import Stack
from tests.patience import CALL, PATIENCE
from tests.scenario import Desk, RefusedError, day, refused
from tests.scratch import Scratch
from tests.test_privacy import found_in

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
HERE = "620104"
"""A county in which no other test has cases: what is counted here is what a story put there."""
UNIT, TOWN, PLACE = f"units/{HERE}", f"units/{HERE}001", f"units/{HERE}001001"
TOLD: set[str] = set()


@dataclass
class Desks(Desk):
    """Desks of a county, and of the units in it, by REST."""

    unit: str = HERE

    def of(self, unit: str) -> Desks:
        """Return the desks of another unit."""
        return Desks(self.rest, self.stack, unit)

    async def tell(self, path: str, role: str, sub: str | None = None, **body: Any) -> Any:
        """Make a command; what is told in words is kept, to be looked for afterwards."""
        TOLD.update(_words(body))
        return await self.post(path, role, sub, **body)

    async def file(self, path: str, role: str) -> bytes:
        """Return the file that is answered."""
        answer = await self.rest.get(f"/v1/{path}", headers=self._as(role, None))
        assert answer.headers["content-disposition"].startswith("attachment"), answer.text
        return answer.content

    def _as(self, role: str, sub: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stack.token(role, self.unit, sub)}", "Accept-Language": "en"}


def _words(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_words(each) for each in value.values()), set())
    if isinstance(value, list):
        return set().union(*(_words(each) for each in value), set())
    return {value} if isinstance(value, str) and not value.isascii() else set()


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desks]:
    """Return the desks of the county."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desks(rest, stack)


async def facts(stack: Stack, category: str, place: str, ages: list[float]) -> None:
    """Put cases of a kind into the read model, so many days old each.

    Until the facts of the other services flow into `case_facts` by themselves, this is the only way in.
    """
    connection = await Scratch.main(stack).connect()
    try:
        start = await connection.fetchval("SELECT count(*) FROM escalation.case_facts")
        now = datetime.now(UTC)
        rows = [
            (f"{HERE}-2020-{start + nth:06d}", HERE, place, "window", category, now - timedelta(days=age))
            for nth, age in enumerate(ages)
        ]
        await connection.executemany(
            "INSERT INTO escalation.case_facts (number, unit, place, door, category, received_at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )
    finally:
        await connection.close()


async def test_a_hazard_found_at_night_is_verified_warned_of_and_closed_by_others(desk: Desks) -> None:
    grid = desk.of(f"{HERE}001001")
    warning = await grid.tell(
        "warnings", "grid_worker", "night-walker", unit=UNIT, place=PLACE, kind="HAZARD_KIND_HAZARD",
        category="categories/hazard", urgent=True, description="三号楼夜里闻到燃气味。",
    )  # fmt: skip
    name = warning["name"]
    assert (warning["state"], warning["urgent"]) == ("WARNING_STATE_REPORTED", True)
    clocks = (await desk.get("clocks/escalation", "duty_officer", None, case=name))["clocks"]
    assert {each["rule"] for each in clocks} == {"respond_hazard_urgent", "verify_hazard_urgent"}

    await desk.tell(f"{name}:takeUp", "duty_officer")
    with refused("SAME_PERSON"):
        await desk.tell(f"{name}:verify", "duty_officer", "night-walker", founded=True)
    await desk.tell(f"{name}:verify", "duty_officer", founded=True, finding="三号楼阀门老化漏气，已先关阀。")
    with refused("PERMISSION_DENIED"):
        await grid.get(f"{name}/reporter", "duty_officer")
    assessed = await desk.tell(
        f"{name}:assess", "duty_officer", scope="HAZARD_SCOPE_VILLAGE", urgency="HAZARD_URGENCY_URGENT", danger=True
    )
    assert (assessed["level"], assessed["assessment"]["row"]) == ("WARNING_LEVEL_HIGH", 1)
    await desk.tell(
        f"{name}:warn", "duty_officer", addressee=f"{UNIT}-housing", demand="三日内更换全楼阀门。", due_date=day(3)
    )
    housing = desk.of(f"{HERE}-housing")
    with refused("PERMISSION_DENIED"):
        await housing.get(name, "handler")
    with refused("PERMISSION_DENIED"):
        await desk.tell(f"{name}:approve", "duty_officer", approved=True)
    await desk.tell(f"{name}:approve", "unit_head", approved=True)

    text = await housing.get(f"{name}/text", "handler")
    assert {part for part in ("description", "finding", "demand", "measures") if text[part]} == {"demand"}
    await housing.tell(f"{name}:reportMeasures", "handler", measures="阀门已全部更换并试压。", evidence="doc-7")
    closed = await desk.tell(f"{name}:close", "reviewer", sufficient=True)
    assert closed["state"] == "WARNING_STATE_CLOSED"
    open_ones = (await desk.get("warnings", "duty_officer", None, open=True)).get("warnings", [])
    assert name not in {each["name"] for each in open_ones}


async def test_a_cluster_of_wage_cases_becomes_a_recommendation_with_reply_and_effect(desk: Desks) -> None:
    await facts(desk.stack, "labour/wage-arrears", f"{HERE}001001", [n * 1.7 for n in range(1, 16)])
    await facts(desk.stack, "labour/wage-arrears", f"{HERE}001001", [30 + n * 13 for n in range(12)])
    await facts(desk.stack, "neighbour/noise", f"{HERE}002", [*(n * 2.5 for n in range(1, 11)), 60, 90, 120])
    found = await desk.get("clusters", "duty_officer", None)
    by_key = {(each["place"], each["category"]): each for each in found["clusters"]}
    wages = by_key[TOWN, "categories/labour/wage-arrears"]
    assert (wages["recent"]["cases"], wages["earlier"]["cases"]) == (15, 12)
    assert wages["ratioLow"] > 2
    # Three earlier cases are the township's own affair: nobody above is told, nor what could be worked back.
    noise = by_key[f"{UNIT}002", "categories/neighbour/noise"]
    assert noise["earlier"] == {"belowFive": True, "days": pytest.approx(noise["earlier"]["days"])}
    assert not {"ratio", "expected", "chance"} & noise.keys()
    own = (await desk.of(f"{HERE}002").get("clusters", "duty_officer", None))["clusters"]
    assert {each["earlier"]["cases"] for each in own if each["place"] == f"{UNIT}002"} == {3}

    await desk.tell("clusters:dismiss", "duty_officer", unit=f"{UNIT}002", category="categories/neighbour/noise",
                    reason="road-works")  # fmt: skip
    left = (await desk.get("clusters", "duty_officer", None))["clusters"]
    assert (f"{UNIT}002", "categories/neighbour/noise") not in {(each["place"], each["category"]) for each in left}

    # None of these cases is the department's own: it is shown nothing of its neighbours'.
    labour = await desk.of(f"{HERE}-labour").get("clusters", "duty_officer", None)
    assert (labour["historyShort"], labour["clusters"]) == (True, [])

    name = await _recommended(desk)
    await _answered(desk, name)
    await _measured(desk, name)


async def _recommended(desk: Desks) -> str:
    """Let the court draft, the head approve, the counter serve; return the recommendation."""
    draft = {
        "kind": "RECOMMENDATION_KIND_JUDICIAL", "unit": f"{UNIT}-court", "addressee": f"{UNIT}-labour", "place": TOWN,
        "category": "categories/labour/wage-arrears", "from_cluster": True, "researched": True, "communicated": True,
        "note": "走访了两处工地。",
        "pairs": [
            {"problem": "分包后无人核对工资表。", "advice": "由总包按月核对工资表。"},
            {"problem": "工资专户未开。", "advice": "开工前查验工资专户。"},
        ],
    }  # fmt: skip
    court = desk.of(f"{HERE}-court")
    with refused("PERMISSION_DENIED"):
        await desk.tell("recommendations", "duty_officer", **draft)
    with refused("NO_CLUSTER"):
        await court.tell("recommendations", "duty_officer", **{**draft, "place": f"{UNIT}003"})
    made = await court.tell("recommendations", "duty_officer", **draft)
    name = made["name"]
    with refused("SAME_PERSON"):
        await court.tell(f"{name}:approve", "unit_head", f"demo-duty_officer-{HERE}-court", approved=True)
    approved = await court.tell(f"{name}:approve", "unit_head", approved=True)
    assert approved["letterNumber"].startswith("西固法建〔")
    served = await court.tell(f"{name}:serve", "clerk", receipt="receipt-3")
    assert served["state"] == "RECOMMENDATION_STATE_SERVED"
    clocks = (await desk.get("clocks/escalation", "duty_officer", None, case=name))["clocks"]
    assert "judicial_suggestion" in {each["rule"] for each in clocks}
    return str(name)


async def _answered(desk: Desks, name: str) -> None:
    """Let the department read the letter and answer pair by pair, and somebody see what was carried out."""
    labour = desk.of(f"{HERE}-labour")
    printed = await labour.file(f"{name}/document", "handler")
    lines = [line.text for line in Document(io.BytesIO(printed)).paragraphs]
    assert "司法建议书" in lines
    assert lines[lines.index("问题2") + 3] == "开工前查验工资专户。"
    replies = [{"pair": 1, "adoption": "ADOPTION_ADOPTED"}, {"pair": 2, "adoption": "ADOPTION_PARTLY"}]
    with refused("REASON_REQUIRED"):
        await labour.tell(f"{name}:reply", "unit_head", replies=replies)
    replies[1]["reason"] = "小额工程暂不要求。"
    replied = await labour.tell(f"{name}:reply", "unit_head", replies=replies, measures="已下发核对办法。")
    assert [each["adoption"] for each in replied["pairs"]] == ["ADOPTION_ADOPTED", "ADOPTION_PARTLY"]
    found = [{"pair": 1, "carried_out": "CARRYING_OUT_DONE"}, {"pair": 2, "carried_out": "CARRYING_OUT_PART"}]
    visited = await desk.of(f"{HERE}-court").tell(f"{name}:recordVisit", "reviewer", pairs=found, note="抽查三处工地。")
    assert visited["state"] == "RECOMMENDATION_STATE_VISITED"


async def _measured(desk: Desks, name: str) -> None:
    """Measure the effect: too early on the day itself; half a year on, what the counts say and no more."""
    assert (await desk.get(f"{name}/effect", "duty_officer"))["verdict"] == "EFFECT_VERDICT_TOO_EARLY"
    connection = await Scratch.main(desk.stack).connect()
    try:
        # The stack's time cannot be moved: the day on which the letter was received is, by 100 days.
        await connection.execute(
            "UPDATE escalation.recommendations SET served_at = served_at - interval '100 days' WHERE number = $1",
            name.replace("/", "-"),
        )
    finally:
        await connection.close()
    # Seventy days before and after, thirty between left out. The cluster itself lies after: there are more.
    more = await desk.get(f"{name}/effect", "duty_officer")
    assert more["verdict"] == "EFFECT_VERDICT_MORE"
    assert "Other causes" in more["told"]
    await facts(desk.stack, "labour/wage-arrears", f"{HERE}001001", [101 + n * 3 for n in range(12)])
    even = await desk.get(f"{name}/effect", "duty_officer")
    assert even["verdict"] == "EFFECT_VERDICT_NO_DIFFERENCE"
    assert even["told"].startswith("No significant difference")
    assert even["ratioLow"] < 1 < even["ratioHigh"]
    await facts(desk.stack, "labour/wage-arrears", f"{HERE}001001", [101 + n * 0.9 for n in range(60)])
    fewer = await desk.get(f"{name}/effect", "duty_officer")
    assert fewer["verdict"] == "EFFECT_VERDICT_FEWER"
    assert fewer["before"]["days"] == pytest.approx(fewer["after"]["days"])


async def test_a_screening_campaign_feeds_intake_once_and_is_counted_by_place(desk: Desks) -> None:
    places = [PLACE, f"units/{HERE}001003"]
    campaign = await desk.tell(
        "campaigns", "duty_officer", unit=UNIT, kind="CAMPAIGN_KIND_CONCENTRATED", title="出租房燃气排查",
        categories=["categories/hazard"], places=places, items=["软管是否老化", "是否有报警器"],
        start_date=day(0), end_date=day(10),
    )  # fmt: skip
    name = campaign["name"]
    await desk.tell(f"{name}:assignPlaces", "duty_officer", places=[{"place": PLACE, "unit": PLACE}])
    started = await desk.tell(f"{name}:start", "unit_head")
    assert (started["state"], started["round"]) == ("CAMPAIGN_STATE_RUNNING", 1)

    village = desk.of(f"{HERE}001001")
    assert (await village.get(f"{name}/text", "grid_worker"))["items"] == ["软管是否老化", "是否有报警器"]
    check = await village.tell(f"{name}:recordCheck", "grid_worker", place=PLACE,
                               answers=["CHECK_ANSWER_NOT_IN_ORDER", "CHECK_ANSWER_IN_ORDER"])  # fmt: skip
    finding = await village.tell(
        f"{check['name']}:recordFinding", "grid_worker", category="categories/hazard", text="一楼软管开裂漏气。",
        people_affected=3, danger=True,
    )  # fmt: skip
    arrived = await _arrived(desk, name, 1)
    assert arrived[0]["name"] == finding["name"]

    report = await village.get(arrived[0]["report"], "clerk")
    assert (report["channel"], report["unit"]) == ("CHANNEL_GRID", PLACE)
    assert report["triage"]["grade"] == "GRADE_HIGH"
    content = await village.get(f"{arrived[0]['report']}/content", "clerk")
    assert content["text"] == "一楼软管开裂漏气。"
    progress = await desk.get(f"{name}/progress", "duty_officer")
    assert (progress["placesChecked"], progress["placesTotal"]) == (1, 2)
    assert progress["places"][0] == {"place": PLACE, "unit": PLACE, "checks": 1, "findings": 1, "handedOver": 1}

    # Killed in the middle, the worker carries the rest on, and nothing twice.
    killed = desk.stack.kill("worker")
    for nth in range(6):
        await village.tell(f"{check['name']}:recordFinding", "grid_worker", category="categories/hazard",
                           text=f"二楼第{nth}户软管超期。", danger=False)  # fmt: skip
    with refused("FINDINGS_OPEN"):
        await desk.tell(f"{name}:end", "unit_head", report="共查两处。")
    await asyncio.to_thread(desk.stack.await_restart, "worker", killed)
    arrived = await _arrived(desk, name, 7)
    assert len({each["report"] for each in arrived}) == 7
    reports = (await village.get("reports", "clerk", None, page_size=200))["reports"]
    assert len(reports) == 7
    ended = await desk.tell(f"{name}:end", "unit_head", report="共查两处，发现七项。")
    assert ended["state"] == "CAMPAIGN_STATE_ENDED"


async def _arrived(desk: Desks, name: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many findings have arrived in intake, and return them all."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await desk.get(f"{name}/findings", "duty_officer"))["findings"]
            if sum(each["state"] == "FINDING_STATE_HANDED_OVER" for each in found) == count:
                return list(found)
            await asyncio.sleep(0.2)


async def test_another_county_sees_nothing_of_it(desk: Desks) -> None:
    other = desk.of("620105")
    for path in ("warnings", "recommendations", "campaigns", "clusters"):
        with refused("PERMISSION_DENIED"):
            await other.get(path, "duty_officer", None, unit=UNIT)
        assert (await other.get(path, "duty_officer")).get(path, []) == []
        for each in (await desk.get(path, "duty_officer")).get(path, []):
            if "name" in each:
                with pytest.raises(RefusedError, match="PERMISSION_DENIED"):
                    await other.get(each["name"], "duty_officer")


async def test_nothing_that_was_told_in_the_stories_lies_open_anywhere(stack: Stack) -> None:
    assert len(TOLD) > 15
    secrets = {each: each for each in TOLD}
    workflows = [path for path in stack.folder.root.rglob("*temporal*") if path.is_file()]
    logs = [*stack.folder.logs.glob("*.log"), stack.folder.root / "spans.jsonl"]
    # The search finds what is there: the campaign's own workflow.
    assert any(found_in(path.read_bytes(), {"campaign": f"campaigns/{HERE}-"}) for path in workflows)
    for path in (*workflows, *logs):
        assert found_in(path.read_bytes(), secrets) == set(), path.name
    connection = await asyncpg.connect(stack.database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema IN ('intake', 'mediation', 'escalation')"
        )
        for (table,) in tables:
            rows = await connection.fetch(f"SELECT t::text FROM {table} t")
            assert found_in("\n".join(row[0] for row in rows).encode(), secrets) == set(), table
    finally:
        await connection.close()
