"""Many in one request: each is asked for with its own right; what is kept back is not told from what is not there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from services.gateway.rest.batches import MOST, collection_of, path_of
from services.gateway.rest.binding import shapes_of
from tests.conftest import COUNTY, Clients
from tests.gateway_fakes import CONTRACT
from tests.test_rest import filed, is_problem

COLLECTIONS = {name: shape for rpc in CONTRACT.rpcs for shape in shapes_of(rpc) if (name := collection_of(shape))}


def test_what_has_a_number_can_be_read_in_a_batch_and_no_code_can() -> None:
    assert {"reports", "cases", "letters", "matters", "warnings", "meetings"} <= set(COLLECTIONS)
    assert not {"receipts", "reviewReceipts", "calendars", "challenges"} & set(COLLECTIONS)
    assert not [name for name, shape in COLLECTIONS.items() if shape.rpc.public]


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_every_batch_is_served_and_refuses_other_names(
    collection: str, stack: Stack, rest: httpx.AsyncClient
) -> None:
    rest.headers["Authorization"] = f"Bearer {stack.token('supervisor', COUNTY)}"
    absent = f"{collection}/{COUNTY}-1949-000001"
    answer = await rest.get(path_of(collection), params={"names": absent})
    assert answer.json() == {collection: [], "unavailable": [absent]}
    wrong = await rest.get(path_of(collection), params={"names": [absent, "receipts/AAAA-BBBB-CCCC-DDDD"]})
    assert [each["field"] for each in is_problem(wrong, 400)["errors"]] == ["names[1]"]


async def test_a_batch_has_what_each_call_would_have_and_says_of_the_rest_only_that_it_is_not_to_be_had(
    stack: Stack, clients: Clients, rest: httpx.AsyncClient
) -> None:
    own = [(await filed(rest)).json()["name"] for _ in range(2)]
    foreign = (await clients.file_report(unit="units/620103")).name
    absent = f"reports/{COUNTY}-1949-000001"
    asked = [own[1], foreign, own[0], absent, own[1]]
    found = (await rest.get("/v1/reports:batchGet", params={"names": asked})).json()
    single = [(await rest.get(f"/v1/{name}")).json() for name in (own[1], own[0])]
    assert found == {"reports": single, "unavailable": [foreign, absent]}
    case = await clients.accept(await clients.file_report())
    cases = (await rest.get("/v1/cases:batchGet", params={"names": case.name})).json()
    assert [each["name"] for each in cases["cases"]] == [case.name]


@pytest.mark.parametrize(
    ("query", "field"),
    [({}, "names"), ({"names": ["reports/620102-1949-000001"] * (MOST + 1)}, "names"), ({"name": "x"}, "name"),
     ({"names": ""}, "names[0]"), ({"names": "reports/620102-1949-000001\n"}, "names[0]")],
)  # fmt: skip
async def test_a_wrong_batch_is_refused_by_its_field(query: Any, field: str, rest: httpx.AsyncClient) -> None:
    answer = await rest.get("/v1/reports:batchGet", params=query)
    assert [each["field"] for each in is_problem(answer, 400)["errors"]] == [field]
    assert (await rest.get("/v1/reports:batchGet", headers={"Authorization": ""})).status_code == 401
