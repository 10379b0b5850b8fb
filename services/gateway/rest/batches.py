"""Many resources of a collection in one request: each is asked for as by its own call, with the rights of that call."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
from google.protobuf.message import Message

from services.gateway.rest.binding import Shape
from services.gateway.rest.contract import Rpc
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.files import file_shape
from services.gateway.rest.problem import Fault, Problem, refuse, wrong_field
from services.gateway.rest.query import decoded_pairs
from services.gateway.rest.schema import rules_of
from services.gateway.rest.unary import UnaryEndpoint

MOST = 100
"""Names in a request."""
_AT_ONCE = 8
_NUMBERED = "/[0-9]{6}-[0-9]{4}-[0-9]{6,9}$"
"""How the pattern of a name ends that has a number. Codes, by which people come without an account, have none."""
_KEPT_BACK = (403, 404)
"""What is not there, and what is not the caller's: they are not told apart."""


def collection_of(shape: Shape) -> str:
    """Return the collection whose resources a shape gets one by one: `reports`; empty if it gets something else."""
    segments, rpc = shape.template.segments, shape.rpc
    named = [variable.field for variable in shape.template.variables] == ["name"]
    if shape.method != "GET" or len(segments) != 3 or segments[2] is not None or not named or shape.template.verb:
        return ""
    pattern = rules_of(rpc.takes.fields_by_name["name"]).string.pattern
    if rpc.server_streaming or file_shape(rpc.answers, parts=False) or not pattern.endswith(_NUMBERED):
        return ""
    return segments[1] or ""


def path_of(collection: str) -> str:
    """Return where a batch of a collection is read."""
    return f"/v1/{collection}:batchGet"


class BatchEndpoint:
    """Serves the batch of one collection."""

    def __init__(self, endpoint: UnaryEndpoint, collection: str) -> None:
        rpc: Rpc = endpoint.binding.shape.rpc
        self._endpoint, self._collection = endpoint, collection
        self._make: Any = rpc.request
        self._pattern = re.compile(rules_of(rpc.takes.fields_by_name["name"]).string.pattern)
        self._encode = encoder_of(rpc.answers)

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem."""
        exchange.accepts("application/json")
        names = self._names(exchange.query)
        turns = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(exchange, name, turns)) for name in names]
        found = [task.result() for task in tasks]
        body: dict[str, Any] = {
            self._collection: [self._encode(each) for each in found if isinstance(each, Message)],
            "unavailable": [name for name, each in zip(names, found, strict=True) if each is None],
        }
        failed = next((each for each in found if isinstance(each, Problem)), None)
        if failed is not None:
            raise failed
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, orjson.dumps(body))

    async def _one(self, exchange: Exchange, name: str, turns: asyncio.Semaphore) -> Message | Problem | None:
        async with turns:
            try:
                return await self._endpoint.call(exchange, self._make(name=name), {})
            except Problem as problem:
                return None if problem.status in _KEPT_BACK else problem

    def _names(self, query: bytes) -> list[str]:
        names: list[str] = []
        for key, name in decoded_pairs(query):
            if key != "names":
                fault = Fault(key, "没有这个参数。", "There is no such parameter.")
                raise refuse("UNKNOWN_PARAMETER", fault, name=key)
            if not self._pattern.fullmatch(name):
                raise wrong_field(f"names[{len(names)}]", "格式不正确。", "Is not a name of this collection.")
            names.append(name)
        if not 1 <= len(names) <= MOST:
            raise wrong_field("names", f"应有 1 至 {MOST} 个。", f"Takes 1 to {MOST} names.")
        return list(dict.fromkeys(names))
