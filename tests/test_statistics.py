"""Days open in percentiles, three separate rates, fields, units and a map: by a supervisor's token alone, over REST."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from pb.mediation.v1 import agreement_pb2, case_pb2

from accord.embedded.stack import Stack
from casework.supervision.figures.spread import Days, Rate
from services.kit.dates import today
from services.kit.serving.businesstime import BusinessTime
from tests.conftest import Clients
from tests.patience import CALL
from tests.scenario import Desk, refused
from tests.world_backlog import case, closed, instant, record, report

CITY, FIRST, SECOND = "6209", "620921", "620922"
PERIOD = str(today(BusinessTime().now()).year)
AGES = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


@pytest.fixture
async def desk(stack: Stack, clients: Clients) -> AsyncIterator[Desk]:
    """Return the desks of a city with ten matters closed today in one county, and two open ones in the other."""
    for running, age in enumerate(AGES):
        number, unit = f"{FIRST}-2024-{running + 1:06}", f"units/{FIRST}"
        ended = {
            "mediation": 1 if running < 6 else agreement_pb2.MEDIATION_OUTCOME_NOT_AGREED,
            "mediation_end_time": instant(0),
            "performance": agreement_pb2.PERFORMANCE_DONE if running < 4 else agreement_pb2.PERFORMANCE_NOT,
            "answers": 1, "satisfied": int(running < 9), "category": "categories/labour/wages",
        }  # fmt: skip
        await record(
            clients,
            report(number, age, unit, category="categories/labour/wages", area=FIRST),
            closed(number, age, unit, case_pb2.OUTCOME_AGREED, **ended),
        )
    for running in (1, 2):
        number, unit = f"{SECOND}-2024-{running:06}", f"units/{SECOND}"
        kind = "categories/traffic"
        await record(
            clients, report(number, 400, unit, area=SECOND, category=kind), case(number, 400, unit, category=kind)
        )
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack, CITY)


async def test_days_and_three_rates_are_counted_apart(desk: Desk) -> None:
    told = await desk.get("statistics:handling", "supervisor", None, period=PERIOD, by="STATISTICS_BY_UNIT")
    whole = told["whole"]
    assert {part: whole["closed"][part] for part in ("count", "median", "percentile75", "percentile90", "longest")} == {
        "count": 10, "median": 50, "percentile75": 80, "percentile90": 90, "longest": 100,
    }  # fmt: skip
    rates = {part: (whole[part]["numerator"], whole[part]["share"]) for part in ("agreed", "performed", "satisfied")}
    assert rates == {"agreed": (6, 6000), "performed": (4, 4000), "satisfied": (9, 9000)}
    units = {each["key"]: each["figures"] for each in told["groups"]}
    assert (units[SECOND]["open"]["count"], units[SECOND]["open"]["tooFew"], units[SECOND]["open"]["median"]) == (
        2,
        True,
        0,
    )
    fields = await desk.get("statistics:handling", "supervisor", None, period=PERIOD, by="STATISTICS_BY_FIELD")
    assert {each["key"]: each["figures"]["closed"]["count"] for each in fields["groups"]} == {
        "labour": 10,
        "transport": 0,
    }
    with refused("INVALID_FIELD"):
        await desk.get("statistics:handling", "supervisor", None, period=PERIOD, by="STATISTICS_BY_OUTCOME")
    with refused("PERMISSION_DENIED"):
        await desk.at(SECOND).get("statistics:handling", "supervisor", None, period=PERIOD, unit=f"units/{FIRST}")
    with refused("PERMISSION_DENIED"):
        await desk.get("statistics:handling", "handler", None, period=PERIOD)


@pytest.mark.parametrize(
    ("language", "heading", "field", "few"),
    [
        ("zh", "办结天数中位数", "劳动关系", "不足5"),
        ("en", "Days to closing, median", "Labour relations", "fewer than 5"),
    ],
)
async def test_days_and_rates_are_exported_in_words(
    desk: Desk, language: str, heading: str, field: str, few: str
) -> None:
    headers = {"Authorization": f"Bearer {desk.stack.token('supervisor', CITY, None)}", "Accept-Language": language}

    async def exported(form: str, **query: str) -> bytes:
        asked = {"period": PERIOD, "form": f"STATISTICS_FORM_{form}", **query}
        answer = await desk.rest.get("/v1/statistics:exportHandling", params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.content

    lines = list(csv.reader(io.StringIO((await exported("CSV", by="STATISTICS_BY_FIELD")).decode("utf-8-sig"))))
    head, labour, transport, total = lines
    at = head.index(heading)
    assert (labour[1], labour[at - 1], labour[at]) == ("labour", "10", "50")
    assert field in labour[0]
    assert (transport[1], transport[at]) == ("transport", few)
    assert [each for each in labour if each.endswith("%")] == ["60.0%", "40.0%", "90.0%"]
    assert total[at - 1] == "10"
    sheet = load_workbook(io.BytesIO(await exported("XLSX"))).active
    assert sheet is not None
    assert [cell.value for cell in sheet[3]][1] == 10, "without a property there is the whole alone"
    refused_by = await desk.rest.get("/v1/statistics:exportHandling", params={"period": PERIOD}, headers=headers)
    assert refused_by.json()["errors"][0]["field"] == "form"


async def test_counts_by_place_are_a_map(desk: Desk) -> None:
    async def drawn(**query: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {desk.stack.token('supervisor', CITY, None)}"}
        answer = await desk.rest.get("/v1/statistics:map", params={"period": PERIOD, **query}, headers=headers)
        assert answer.headers["content-type"].startswith("application/geo+json"), answer.text
        told: dict[str, Any] = answer.json()
        return told

    exact = await drawn()
    received = sum(1 for age in AGES if str(today(BusinessTime().now()).year) == PERIOD and age < 300)
    places = {each["id"]: each for each in exact["features"]}
    assert (exact["type"], places[FIRST]["properties"]["name"]) == ("FeatureCollection", "金塔县")
    longitude, latitude = places[FIRST]["geometry"]["coordinates"]
    assert (round(longitude), round(latitude)) == (99, 40)
    assert places[FIRST]["properties"]["count"] <= received
    for each in (await drawn(published="true"))["features"]:
        count = each["properties"]["count"]
        assert (count is None) == each["properties"]["suppressed"]
        assert count is None or count % 5 == 0


@given(st.lists(st.integers(0, 4000), min_size=5, max_size=60), st.sampled_from([50, 75, 90, 100]))
def test_a_percentile_is_a_number_of_days_that_occurs(days: list[int], percent: int) -> None:
    found = Days({each: days.count(each) for each in days}).percentile(percent)
    assert found in days
    assert sum(each <= found for each in days) * 100 >= percent * len(days)
    assert sum(each < found for each in days) * 100 < percent * len(days)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_rates_add_up_and_are_silent_about_few(parts: list[tuple[int, int]]) -> None:
    rates = [Rate(min(pair), max(pair)) for pair in parts]
    random.Random(1).shuffle(rates)
    whole = sum(rates, Rate())
    assert whole.denominator == sum(max(pair) for pair in parts)
    assert whole.too_few == (whole.denominator < 5)
    assert whole.share == 0 if whole.too_few else 0 <= whole.share <= 10_000
