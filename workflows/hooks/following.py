"""The loop that delivers: leases what nobody else delivers, and visits each subscription for which there is something.

Several relays may run: a subscription is leased to one of them. One that dies is replaced when its leases are over.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
import structlog
from pb.feed.v1 import feed_pb2
from pb.hooks.v1 import hooks_pb2 as pb
from pb.hooks.v1.hooks_pb2_grpc import SubscriptionServiceStub

from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.hooks.delivering import FULL, LEASE, Visit
from workflows.hooks.posting import Poster
from workflows.messages import Source

log = structlog.get_logger()

CONSUMER = "hooks"
"""Asked only where a feed ends; each subscription's own positions are in intake."""
_EVERY = 0.5
"""Seconds between two looks at where the feeds end."""
_IDLE = 2.0
"""Seconds between two looks for subscriptions while there are none."""
_PAUSE = 2.0
"""Seconds for which a subscription is left alone after a visit that broke off."""
_NOTE = 10.0
"""Seconds between records of positions that were passed without anything to send."""
_RPC = 20.0


@dataclass
class Deliverer:
    """What delivers, and where each feed ends; a service that does not answer is left out."""

    backends: Backends
    poster: Poster
    lease: str = field(default_factory=lambda: f"relay-{secrets.token_hex(8)}")
    heads: dict[Source, int] = field(default_factory=dict)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _leased: int = 0
    _visits: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _reached: dict[str, dict[Source, int]] = field(default_factory=dict)
    _noted: dict[str, float] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    @property
    def store(self) -> SubscriptionServiceStub:
        """Where subscriptions are kept."""
        return SubscriptionServiceStub(self.backends.channels[0])

    async def look(self) -> None:
        """Lease subscriptions, and begin a visit to each that has something and is not being visited."""
        for name, task in list(self._visits.items()):
            if task.done():
                del self._visits[name]
        # What is said of a subscription that is being visited is out of date when it comes.
        busy = set(self._visits)
        request = pb.LeaseSubscriptionsRequest(lease=self.lease, lease_seconds=LEASE)
        leased = (await self.store.LeaseSubscriptions(request, timeout=_RPC)).subscriptions
        self._leased = len(leased)
        if leased:
            await asyncio.gather(*map(self._ask_head, Source))
        for each in leased:
            if each.name not in busy and self._has_something(each):
                self._visits[each.name] = asyncio.create_task(self._visit(each))
        known = {each.name for each in leased}
        for name in [name for name in self._reached if name not in known]:
            del self._reached[name]

    async def _ask_head(self, source: Source) -> None:
        asked = feed_pb2.GetConsumerRequest(service=source, consumer=CONSUMER)
        try:
            self.heads[source] = (await self.backends.feeds[source].GetConsumer(asked, timeout=_RPC)).head_position
        except grpc.aio.AioRpcError:
            self.heads.pop(source, None)

    def _has_something(self, each: pb.LeasedSubscription) -> bool:
        if not each.due or time.monotonic() < self._paused.get(each.name, 0.0):
            return False
        if not each.positions:
            return len(self.heads) == len(Source)
        if any(waiting.due for waiting in each.waiting):
            return True
        grown = any(position != self.heads[source] for source, position in self._from(each).items())
        return grown and len(each.waiting) < FULL

    def _from(self, each: pb.LeasedSubscription) -> dict[Source, int]:
        """Return where to read on in each feed: what was recorded, or what this process passed since."""
        passed = self._reached.get(each.name, {})
        there = {Source(one.service): one.position for one in each.positions}
        return {source: max(at, passed.get(source, 0)) for source, at in there.items() if source in self.heads}

    async def _visit(self, each: pb.LeasedSubscription) -> None:
        feeds, heads = self.backends.feeds, dict(self.heads)
        visit = Visit(each, self.lease, feeds, self.store, self.poster, heads)
        try:
            if not each.positions:
                await visit.start()
                return
            reached = await visit.deliver(self._from(each))
            self._reached[each.name] = reached
            if time.monotonic() - self._noted.get(each.name, 0.0) > _NOTE:
                await visit.note(reached)
                self._noted[each.name] = time.monotonic()
        except grpc.aio.AioRpcError as error:
            # The lease is over, or a service is away: whoever leases it next goes on from what was recorded.
            self._reached.pop(each.name, None)
            self._paused[each.name] = time.monotonic() + _PAUSE
            log.info("a visit broke off", subscription=each.name, code=error.code().name)
        except Exception as error:
            self._paused[each.name] = time.monotonic() + _PAUSE
            log.error("a visit failed", subscription=each.name, exc_info=error)
        finally:
            await self.poster.release(each.url)
            self._ended.set()

    async def rest(self) -> None:
        """Wait until a visit has ended, or for a moment."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _EVERY if self._leased else _IDLE)
        self._ended.clear()

    async def stop(self) -> None:
        """End all visits: what they had in hand is delivered again."""
        for task in self._visits.values():
            task.cancel()
        await asyncio.gather(*self._visits.values(), return_exceptions=True)


async def keep_delivering(loop: Loop, deliverer: Deliverer) -> None:
    """Deliver for as long as the process runs."""
    try:
        while True:
            loop.begin()
            await deliverer.look()
            loop.turned()
            await deliverer.rest()
    finally:
        await deliverer.stop()
