"""Delivers events to one subscription: what waits first, then what is new, in the order of each case.

A visit is short and ends with everything recorded. What cannot be delivered is parked in intake with all later events
of its case, so that the others go on; if nobody is reached, the subscription stays where it is in the feed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import structlog
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.hooks.v1 import hooks_pb2 as pb
from pb.hooks.v1.hooks_pb2_grpc import SubscriptionServiceStub
from prometheus_client import Counter

from casework.names import ROOT_UNIT, last
from workflows.hooks.cloud import cloud_event, is_wanted, request_of
from workflows.hooks.posting import TIMEOUT, Poster
from workflows.messages import Source

log = structlog.get_logger()

CHUNK = 100
"""Events delivered and recorded together."""
AT_ONCE = 16
"""Cases whose events are sent at the same time."""
BUDGET = 10.0
"""Seconds after which a visit begins nothing new."""
GRACE = 5.0
"""Seconds more in which a visit sends what it has read."""
LEASE = int(BUDGET + 2 * TIMEOUT)
"""Seconds of a lease: longer than a visit goes on without recording."""
FULL = 500
"""Waiting events at which nothing new is read."""
_AWAY = 3
"""Cases that fail in a row without any success: the receiver is not there."""
_RPC = 20.0
GONE = "http-410"
NOT_THERE = "not-in-the-feed"

SENT = Counter("accord_hooks_total", "Events sent to subscribers, by what became of the attempt.", ["outcome"])


@dataclass
class Visit:
    """One round of deliveries to a subscription whose lease is held."""

    subscription: pb.LeasedSubscription
    lease: str
    feeds: dict[Source, FeedServiceStub]
    store: SubscriptionServiceStub
    poster: Poster
    heads: dict[Source, int]
    sent: int = 0
    away: bool = False
    gone: bool = False
    _failed_in_a_row: int = 0
    _recorded: int = 0
    _until: float = field(default_factory=lambda: time.monotonic() + BUDGET)

    def __post_init__(self) -> None:
        self.held = {(each.service, each.case) for each in self.subscription.waiting}

    @property
    def over(self) -> bool:
        """Whether nothing new is begun in this visit."""
        return self.away or self.gone or time.monotonic() > self._until

    @property
    def stops(self) -> bool:
        """Whether what was read is not sent any more, but waits: only a receiver that is away or very slow makes it."""
        return self.away or self.gone or time.monotonic() > self._until + GRACE

    async def start(self) -> None:
        """Begin with what comes from now on."""
        await self._record(positions=[_position(source, head, head) for source, head in self.heads.items()])

    async def deliver(self, reached: dict[Source, int]) -> dict[Source, int]:
        """Deliver what waits and is due, then what is new; return up to where each feed was read."""
        await self._try_again()
        for source, position in reached.items():
            if position > self.heads[source]:
                reached[source] = await self._is_there(source, position)
            elif len(self.held) < FULL and not self.over and position < self.heads[source]:
                reached[source] = await self._read_on(source, position)
        return reached

    # --- what waits ---------------------------------------------------------------------------------------------------

    async def _try_again(self) -> None:
        cases: dict[tuple[str, str], list[pb.WaitingEvent]] = {}
        for each in self.subscription.waiting:
            cases.setdefault((each.service, each.case), []).append(each)
        due = [events for events in cases.values() if events[0].due]
        for first in range(0, len(due), AT_ONCE):
            if self.over:
                return
            done = await asyncio.gather(*(self._one_by_one(events) for events in due[first : first + AT_ONCE]))
            await self._record(
                delivered=[each for delivered, _ in done for each in delivered],
                failures=[failed for _, failed in done if failed is not None],
            )

    async def _one_by_one(
        self, events: Sequence[pb.WaitingEvent]
    ) -> tuple[list[pb.DeliveredEvent], pb.FailedEvent | None]:
        """Send the waiting events of a case until one fails; return what was delivered, and what failed."""
        delivered: list[pb.DeliveredEvent] = []
        for each in events:
            if self.over:
                return delivered, None
            event = await self._find(Source(each.service), each.position)
            reason = NOT_THERE if event is None else await self._send(each.service, event)
            if reason:
                failed = pb.FailedEvent(service=each.service, position=each.position, case=each.case, fault=reason)
                failed.type = event.type if event is not None else "Unknown"
                return delivered, failed
            delivered.append(pb.DeliveredEvent(service=each.service, position=each.position))
        self.held.discard((events[0].service, events[0].case))
        return delivered, None

    async def _find(self, source: Source, position: int) -> feed_pb2.Event | None:
        """Return the event at a position; None if the feed does not show it for this unit, as after a restore."""
        request = self._watch(source, position - 1, 1)
        call = self.feeds[source].WatchEvents(request, timeout=_RPC)
        try:
            async for batch in call:
                return next((each for each in batch.events if each.position == position), None)
        finally:
            call.cancel()
        return None

    # --- what is new --------------------------------------------------------------------------------------------------

    async def _read_on(self, source: Source, position: int) -> int:
        """Deliver what is in a feed after a position; return up to where it was read."""
        call = self.feeds[source].WatchEvents(self._watch(source, position, CHUNK), timeout=BUDGET + 2 * _RPC)
        try:
            async for batch in call:
                wanted = [
                    each for each in batch.events
                    if is_wanted(each, self.subscription.types, self.subscription.case)
                ]  # fmt: skip
                position = batch.position
                if wanted:
                    failures = await self._send_all(source, wanted)
                    place = _position(source, position, max(self.heads[source], position))
                    await self._record(positions=[place], failures=failures)
                if self.over or len(self.held) >= FULL:
                    break
        finally:
            call.cancel()
        return position

    async def _is_there(self, source: Source, position: int) -> int:
        """Return a position, or where the feed ends if that is earlier: a backup was restored."""
        call = self.feeds[source].WatchEvents(self._watch(source, position, 1), timeout=_RPC)
        try:
            await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.OUT_OF_RANGE:
                raise
            position = self.heads[source]
            await self._record(positions=[_position(source, position, position)])
            log.warning("a feed was restored", source=source, subscription=self.subscription.name)
        finally:
            call.cancel()
        return position

    async def _send_all(self, source: Source, events: Sequence[feed_pb2.Event]) -> list[pb.FailedEvent]:
        """Send new events, those of a case in order; return those that could not be sent."""
        cases: dict[str, list[feed_pb2.Event]] = {}
        for event in events:
            cases.setdefault(event.case, []).append(event)
        turns = asyncio.Semaphore(AT_ONCE)

        async def of_case(case: str, theirs: Sequence[feed_pb2.Event]) -> list[pb.FailedEvent]:
            async with turns:
                for place, event in enumerate(theirs):
                    waits = (source, case) in self.held or self.stops
                    reason = "" if waits else await self._send(source, event)
                    if waits or reason:
                        self.held.add((source, case))
                        return [_failed(source, each, reason if each is event else "") for each in theirs[place:]]
            return []

        found = await asyncio.gather(*(of_case(case, theirs) for case, theirs in cases.items()))
        return [each for failures in found for each in failures]

    async def _send(self, source: str, event: feed_pb2.Event) -> str:
        """Send an event; return nothing, or why it was not taken."""
        binary = self.subscription.content_mode == pb.CONTENT_MODE_BINARY
        message = request_of(cloud_event(source, event), self.subscription.secrets, binary=binary)
        reason = await self.poster.post(self.subscription.url, message.headers, message.body)
        SENT.labels("failed" if reason else "delivered").inc()
        if not reason:
            self.sent += 1
            self._failed_in_a_row = 0
            return ""
        self._failed_in_a_row += 1
        self.gone = self.gone or reason == GONE
        self.away = self.away or (not self.sent and self._failed_in_a_row >= _AWAY)
        return reason

    # --- both ---------------------------------------------------------------------------------------------------------

    def _watch(self, source: Source, after: int, size: int) -> feed_pb2.WatchEventsRequest:
        unit = "" if last(self.subscription.unit) == ROOT_UNIT else self.subscription.unit
        return feed_pb2.WatchEventsRequest(
            service=source, after_position=after, unit=unit, batch_size=size, until_caught_up=True
        )  # fmt: skip

    async def _record(
        self, *, positions: Sequence[pb.FeedPosition] = (), failures: Sequence[pb.FailedEvent] = (),
        delivered: Sequence[pb.DeliveredEvent] = (),
    ) -> None:  # fmt: skip
        request = pb.RecordDeliveriesRequest(
            name=self.subscription.name, lease=self.lease, lease_seconds=LEASE, positions=positions,
            failures=failures, delivered=delivered, sent=self.sent - self._recorded, away=self.away, gone=self.gone,
        )  # fmt: skip
        await self.store.RecordDeliveries(request, timeout=_RPC)
        self._recorded = self.sent

    async def note(self, reached: dict[Source, int]) -> None:
        """Record how far it has come where nothing was of interest."""
        await self._record(positions=[_position(each, at, max(self.heads[each], at)) for each, at in reached.items()])


def _position(source: Source, position: int, head: int) -> pb.FeedPosition:
    return pb.FeedPosition(service=source, position=position, head_position=head)


def _failed(source: Source, event: feed_pb2.Event, reason: str) -> pb.FailedEvent:
    return pb.FailedEvent(
        service=source, position=event.position, case=event.case, type=event.type, fault=reason
    )  # fmt: skip
