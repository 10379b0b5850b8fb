"""The position of a durable consumer in a feed: acknowledged now and then, not with every event.

Each acknowledgement is a separate commit to disk. A killed consumer receives at most a second of events again,
and all that it does may be done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

import grpc
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from prometheus_client import Gauge

from services.kit.serving.loops import Loop

Act = Callable[[feed_pb2.Event], Awaitable[None]]
"""What is done for an event; it may be done twice."""
EVERY = 1.0
"""Seconds between acknowledgements."""
_PAGE = 500
_TIMEOUT = 20.0
_LAST = 2.0
"""Seconds allowed for the last one when a consumer stops."""
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

POSITION = Gauge("accord_relay_position", "Feed position a consumer has acknowledged.", ["source", "consumer"])


class Place:
    """One consumer's position in one feed; a context in which it reports its progress."""

    def __init__(self, feed: FeedServiceStub, source: str, consumer: str) -> None:
        self._feed = feed
        self._source = source
        self._consumer = consumer
        self._reached = self._acknowledged = 0
        self._moved = asyncio.Event()

    async def __aenter__(self) -> Place:
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        if self._reached > self._acknowledged:
            with suppress(grpc.aio.AioRpcError):
                await self._acknowledge(_LAST)

    def reach(self, position: int) -> None:
        """Report that everything up to here is done; raises the error of an earlier acknowledgement."""
        if self._keeping.done():
            self._keeping.result()
        if position > self._reached:
            self._reached = position
            self._moved.set()

    async def _keep(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._acknowledge(_TIMEOUT)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _AWAY:
                    raise
                self._moved.set()
            await asyncio.sleep(EVERY)

    async def _acknowledge(self, timeout: float) -> None:
        position = self._reached
        request = feed_pb2.AcknowledgeEventsRequest(
            service=self._source, consumer=self._consumer, position=position
        )  # fmt: skip
        await self._feed.AcknowledgeEvents(request, timeout=timeout)
        self._acknowledged = position
        POSITION.labels(self._source, self._consumer).set(position)


async def act_on_all(
    loop: Loop, feed: FeedServiceStub, source: str, consumer: str, kinds: Collection[str], act: Act
) -> None:  # fmt: skip
    """Act on the events of these kinds in a feed, one by one, from the acknowledged position, until the stream ends."""
    request = feed_pb2.WatchEventsRequest(service=source, consumer=consumer, batch_size=_PAGE, types=kinds)
    stream = feed.WatchEvents(request)
    await stream.initial_metadata()
    if not stream.done():
        loop.turned()
    async with Place(feed, source, consumer) as place:
        async for batch in stream:
            loop.begin()
            for event in batch.events:
                await act(event)
            place.reach(batch.position)
            loop.turned()


@dataclass
class Gathered:
    """Cases something happened to, with the position up to which they are complete; at most about `ahead` of them."""

    ahead: int
    cases: dict[str, None] = field(default_factory=dict)
    position: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.room.set()

    def add(self, batch: feed_pb2.WatchEventsResponse) -> None:
        """Add a batch of the feed."""
        self.cases.update(dict.fromkeys(event.case for event in batch.events if event.case.startswith("cases/")))
        self.position = batch.position
        self.more.set()
        if len(self.cases) >= self.ahead:
            self.room.clear()

    def take(self) -> tuple[list[str], int]:
        """Return what was gathered and its position, and start again."""
        taken = list(self.cases), self.position
        self.cases = {}
        self.more.clear()
        self.room.set()
        return taken


async def read_on(stream: AsyncIterable[feed_pb2.WatchEventsResponse], gathered: Gathered) -> None:
    """Gather a feed's cases; if there are many, wait until they are taken over."""
    try:
        async for batch in stream:
            gathered.add(batch)
            await gathered.room.wait()
    finally:
        gathered.more.set()
