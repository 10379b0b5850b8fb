"""Lists are ordered, filtered and counted in one way, whatever they list."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from buf.validate import validate_pb2

from accord.embedded.stack import Stack
from services.gateway.rest.binding import shapes_of
from services.kit.storage.listing import Order, order_of
from tests.conftest import COUNTY, Clients
from tests.gateway_fakes import CONTRACT
from tests.rpcs import all_rpcs
from tests.still import shipped_rules
from tests.test_lookups import SHIPPED
from tests.test_rest import filed, is_problem

pytestmark = pytest.mark.fault("E6")
ORDERED = {rpc.method.name: rpc for rpc in all_rpcs() if "order_by" in rpc.method.input_type.fields_by_name}
SHAPES = [shape for rpc in CONTRACT.rpcs if rpc.name in ORDERED for shape in shapes_of(rpc) if shape.method == "GET"]
UNIT = "units/620102009"
"""A unit at which no other test files."""


def names_of(rpc: Any) -> list[str]:
    """Return by what a list can be ordered, in both spellings."""
    rules = rpc.method.input_type.fields_by_name["order_by"].GetOptions().Extensions[validate_pb2.field]
    found = re.fullmatch(r"\^\(([a-z_]+)\|([a-zA-Z]+)\)\( \(asc\|desc\)\)\?\$", rules.string.pattern)
    assert found, rules.string.pattern
    return list(found.groups())


@pytest.mark.parametrize("name", ORDERED)
def test_every_list_that_can_be_ordered_is_counted_and_names_its_order_in_both_spellings(name: str) -> None:
    rpc, default = ORDERED[name], Order("none")
    assert "with_total" in rpc.method.input_type.fields_by_name
    assert "total_size" in rpc.method.output_type.fields_by_name
    ours, json = names_of(rpc)
    assert order_of(ours, default) == order_of(json, default) == order_of(f"{json} asc", default) == Order(ours)
    assert order_of(f"{json} desc", default) == order_of(f"{ours} desc", default) == Order(ours, descending=True)
    assert order_of("", default) is default


@pytest.fixture(scope="module")
async def reports(clients: Clients) -> list[str]:
    """File five reports at a unit, accept two of them, and return the names of all."""
    filed = [await clients.file_report(f"第{each}次停水。", unit=UNIT) for each in "一二三四五"]
    for each in filed[:2]:
        await clients.accept(each)
    return [each.name for each in filed]


async def pages(rest: httpx.AsyncClient, path: str, **query: Any) -> tuple[list[dict[str, Any]], int]:
    """Return everything in a list, page by page, and how many it says there are."""
    found: list[dict[str, Any]] = []
    query |= {"pageSize": 2, "withTotal": True, "pageToken": ""}
    while True:
        answer = await rest.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        (rows,) = (value for value in page.values() if isinstance(value, list))
        found += rows
        query["pageToken"] = page["nextPageToken"]
        if not query["pageToken"]:
            return found, page["totalSize"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.rpc.name)
async def test_a_list_backwards_is_the_list_and_says_how_long_it_is(
    shape: Any, stack: Stack, rest: httpx.AsyncClient, reports: list[str]
) -> None:
    path = shape.path.replace("{service}", "intake")
    rest.headers["Authorization"] = f"Bearer {stack.token('supervisor', COUNTY)}"
    there, json = names_of(ORDERED[shape.rpc.name])
    ahead, total = await pages(rest, path, unit=UNIT, orderBy=json)
    back, _ = await pages(rest, path, unit=UNIT, orderBy=f"{there} desc")
    assert ahead == back[::-1]
    assert len(ahead) == total
    assert total >= (0 if shape.rpc.name == "ListLetters" else 2)
    times = [row[json] for row in ahead if json in row]
    assert times == sorted(times)
    wrong = is_problem(await rest.get(path, params={"orderBy": "colour"}), 400, "INVALID_FIELD")
    assert [each["field"] for each in wrong["errors"]] == ["orderBy"]
    token = (await rest.get(path, params={"unit": UNIT, "pageSize": 1})).json()["nextPageToken"]
    if token:
        other = f"{json} desc" if "Clocks" in shape.rpc.name else json
        other = await rest.get(path, params={"unit": UNIT, "pageToken": token, "orderBy": other})
        is_problem(other, 400, "INVALID_PAGE_TOKEN")


async def test_a_list_is_filtered_by_time_category_field_grade_and_channel(
    rest: httpx.AsyncClient, reports: list[str]
) -> None:
    rules = shipped_rules(SHIPPED)
    key = rules.fields.of("labour")
    made = (await filed(rest, unit=UNIT, category="categories/labour", channel="CHANNEL_COUNTER")).json()

    async def names(**query: Any) -> set[str]:
        found, total = await pages(rest, "/v1/reports", unit=UNIT, **query)
        assert len(found) == total
        return {each["name"] for each in found}

    everything = await names()
    assert everything == {*reports, made["name"]}
    assert await names(categories="categories/labour") == await names(field=key) == {made["name"]}
    assert await names(channels="CHANNEL_COUNTER", grades=made["triage"]["grade"]) >= {made["name"]}
    since = made["receiveTime"]
    later, before = await names(startTime=since), await names(endTime=since)
    assert made["name"] in later
    assert later | before == everything
    assert not later & before
    for query, field, code in (
        ({"categories": "categories/nothing"}, "categories[0]", "UNKNOWN_CATEGORY"),
        ({"field": "nothing"}, "field", "INVALID_FIELD"),
        ({"startTime": "yesterday"}, "startTime", "INVALID_FIELD"),
    ):
        problem = is_problem(await rest.get("/v1/reports", params={"unit": f"units/{COUNTY}", **query}), 400, code)
        assert [each["field"] for each in problem["errors"]] == [field]
