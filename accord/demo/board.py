"""The notice board: what the services tell in their feeds, for whoever waits for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from pb.feed.v1 import feed_pb2

from accord.demo.cast import Cast
from casework.names import last

FOLLOWED = ("mediation", "escalation")
_RETRY = 0.5


class Board:
    """Follows the feeds and wakes whoever waits; what was told before is remembered."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._positions: dict[str, int] = {}
        self._told: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = defaultdict(_future)
        self._listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}
        self._moved: dict[tuple[str, str], str] = {}

    async def begin(self) -> None:
        """Note where the feeds end now: what was told before is not of this day."""
        for service in FOLLOWED:
            request = feed_pb2.GetConsumerRequest(service=service, consumer="relay")
            found = await self._cast.feeds[service].GetConsumer(request, metadata=self._cast.own_metadata(), timeout=20)
            self._positions[service] = found.head_position

    def listen(self, kind: str, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Have `listener(case, payload)` called for every event of this kind."""
        self._listeners[kind] = listener

    def unit_now(self, case: str, unit: str) -> str:
        """Return which unit has by now what a unit had of a case; the same one where nothing was transferred."""
        met = {unit}
        while (there := self._moved.get((case, unit), unit)) not in met:
            met.add(there)
            unit = there
        return unit

    async def told(self, kind: str, case: str) -> dict[str, Any]:
        """Return the payload of the case's first event of this kind; waits for it."""
        return await asyncio.shield(self._told[kind, case])

    async def follow(self) -> None:
        """Follow the feeds for ever; a break is taken up again where it was."""
        await asyncio.gather(*(self._follow(service) for service in FOLLOWED))

    async def _follow(self, service: str) -> None:
        while True:
            request = feed_pb2.WatchEventsRequest(service=service, after_position=self._positions[service])
            try:
                stream = self._cast.feeds[service].WatchEvents(request, metadata=self._cast.own_metadata())
                async for batch in stream:
                    for event in batch.events:
                        self.tell(event)
                    self._positions[service] = batch.position
            except grpc.aio.AioRpcError:
                pass  # whatever it was, the stream is opened again; the play itself is bounded
            await asyncio.sleep(_RETRY)

    def tell(self, event: feed_pb2.Event) -> None:
        """Tell of an event whoever waits for it."""
        payload = MessageToDict(event.payload)
        if event.type == "CaseTransferred":
            self._moved[event.case, last(payload["from"])] = last(payload["to"])
        place = self._told[event.type, event.case]
        if not place.done():
            place.set_result(payload)
        if event.type in self._listeners:
            self._listeners[event.type](event.case, payload)


def _future() -> asyncio.Future[dict[str, Any]]:
    return asyncio.get_running_loop().create_future()
