"""Every change is partial (AIP-134): what is given is changed, the rest stays, what cannot be is refused by name."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask

from services.gateway.rest.binding import Shape, shapes_of
from services.gateway.rest.decoder import Wrong, filler_of
from services.gateway.rest.encoder import encoder_of
from services.kit.serving.masks import is_changed, resource_of
from tests.conftest import Clients, request_id
from tests.gateway_fakes import CONTRACT
from tests.rpcs import BY_NAME, access, call
from tests.world import REQUESTS, World, new_world

pytestmark = pytest.mark.fault("E6", "D12")
SHAPES = [shape for rpc in CONTRACT.rpcs for shape in shapes_of(rpc) if shape.method == "PATCH"]


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


class Changing:
    """A resource that can be changed, and ways to change it."""

    def __init__(self, shape: Shape, clients: Clients, world: World, rest: httpx.AsyncClient) -> None:
        (name,) = (each for each in BY_NAME if each.endswith(f".{shape.rpc.name}"))
        self.rpc, self._clients, self._rest = BY_NAME[name], clients, rest
        self.request: Any = REQUESTS[shape.rpc.name](world, self.rpc.server)
        field = resource_of(shape.rpc.takes)
        assert field is not None
        self.type, self.resource = field.message_type, getattr(self.request, field.name)
        self.body = encoder_of(self.type)(self.resource)
        (_, bearer), *_ = access(clients, self.rpc)["metadata"]
        self._head = {"Authorization": bearer}

    def fields(self, changed: bool) -> list[FieldDescriptor]:
        return [field for field in self.type.fields if is_changed(field) is changed and field.name != "name"]

    async def get(self) -> dict[str, Any]:
        answer = await self._rest.get(f"/v1/{self.resource.name}", headers=self._head)
        assert answer.status_code == 200, answer.text
        return {name: value for name, value in answer.json().items() if name != "etag"}

    async def patch(self, body: dict[str, Any], **query: str) -> httpx.Response:
        headers = {**self._head, "Idempotency-Key": request_id()}
        return await self._rest.patch(f"/v1/{self.resource.name}", json=body, params=query, headers=headers)


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.rpc.name)
def changing(request: Any, clients: Clients, world: World, rest: httpx.AsyncClient) -> Changing:
    return Changing(request.param, clients, world, rest)


def test_the_walk_finds_every_update_of_the_contracts() -> None:
    updates = {rpc.name for rpc in CONTRACT.rpcs if rpc.name.startswith("Update")}
    assert updates == {shape.rpc.name for shape in SHAPES} != set()
    for shape in SHAPES:
        assert resource_of(shape.rpc.takes) is not None, "a change without a mask"


async def test_a_part_of_the_body_changes_that_part_alone(changing: Changing) -> None:
    for field in changing.fields(True):
        before = await changing.get()
        value = changing.body.get(field.json_name, getattr(changing.resource, field.name))
        given: Any = not before[field.json_name] if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else value
        if field.message_type is not None:
            given = encoder_of(field.message_type)(getattr(changing.resource, field.name))
        answer = await changing.patch({field.json_name: given})
        assert answer.status_code == 200, (field.name, answer.text)
        after = await changing.get()
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {field.json_name} | {name for name in before if name.startswith(("masked", "has", "earlier"))}
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            assert after[field.json_name] is not before[field.json_name], "a change that was ignored"


async def test_names_in_a_mask_are_taken_as_json_and_as_the_contract_has_them(changing: Changing) -> None:
    field = max(changing.fields(True), key=lambda each: len(each.name))
    for name in (field.name, field.json_name):
        answer = await changing.patch({field.json_name: changing.body.get(field.json_name, False)}, updateMask=name)
        assert answer.status_code == 200, answer.text


async def test_what_is_unknown_or_cannot_be_changed_is_refused_by_name(changing: Changing) -> None:
    before = await changing.get()
    for name in ("colour", "name", "etag", *(field.name for field in changing.fields(False))):
        answer = await changing.patch({}, updateMask=name)
        assert answer.status_code == 400, (name, answer.text)
        told = answer.json()
        assert "updateMask" in {error["field"] for error in told["errors"]}
        assert any(name in error["message"] for error in told["errors"]), told
    for field in changing.fields(False):
        if field.name != "etag" and field.json_name in changing.body and changing.body[field.json_name]:
            answer = await changing.patch({field.json_name: changing.body[field.json_name]})
            assert answer.status_code == 400, "an ignored change is no success"
    for empty in ({}, {"etag": ""}):
        assert (await changing.patch(empty)).status_code == 400
    assert await changing.get() == before


async def test_over_grpc_a_mask_says_the_same(changing: Changing, clients: Clients) -> None:
    async def send(*paths: str) -> Any:
        changing.request.update_mask.CopyFrom(FieldMask(paths=paths))
        changing.request.request_id = request_id()
        data = changing.request.SerializePartialToString()
        return await call(
            clients.channels[changing.rpc.server], changing.rpc.path, data, **access(clients, changing.rpc)
        )

    assert (await send()).code is grpc.StatusCode.OK
    assert (await send("*")).code is grpc.StatusCode.OK
    for name in ("colour", *(field.name for field in changing.fields(False))):
        refused = await send(name)
        assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["update_mask"])


@pytest.mark.parametrize("text", ["a b", "a..b", "1a", "é", "a,*b", "a" * 100])
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        filler_of(FieldMask.DESCRIPTOR)(FieldMask(), text)
