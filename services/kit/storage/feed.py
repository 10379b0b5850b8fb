"""The feed service: a service's events in commit order, for durable consumers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from pb.feed.v1 import feed_pb2, feed_pb2_grpc

from casework.errors import CaseError, Reason, field_error
from casework.names import ROOT_UNIT, file_name, last, number_of
from services.kit.catalogue import catalogue
from services.kit.instants import stamp
from services.kit.serving.access import Context, current_call
from services.kit.serving.loops import Loop
from services.kit.storage import feed_store, paging
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import FeedSealer, head_position
from services.kit.storage.feed_store import Held, Tail, Told

_IDLE = 0.5
"""Seconds between looks for events that another process committed."""
_GATHER = 0.02
"""Seconds in which commits are gathered into one pass."""


class FeedPulse:
    """Notifies the sealer of this process of a commit, and watchers of new events in the feed."""

    def __init__(self) -> None:
        self._committed = asyncio.Event()
        self._grown = asyncio.Condition()
        self.position = 0

    def beat(self) -> None:
        """Notify of a commit."""
        self._committed.set()

    async def committed(self) -> None:
        """Wait for a commit in this process, or long enough for one in another process."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._committed.wait(), _IDLE)
            await asyncio.sleep(_GATHER)
        self._committed.clear()

    async def grow(self, position: int) -> None:
        """Notify that the feed now ends at this position: a later one, or after a restore an earlier one."""
        if position != self.position:
            async with self._grown:
                self.position = position
                self._grown.notify_all()

    async def beyond(self, position: int, within: float | None = None) -> None:
        """Wait until the feed no longer ends at this position, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._grown:
                await self._grown.wait_for(lambda: self.position != position)


async def keep_sealing(loop: Loop, database: Database, pulse: FeedPulse) -> None:
    """Seal for ever, at once when something was committed here, and now and then."""
    sealer = FeedSealer(database)
    while True:
        loop.begin()
        position = await sealer.seal()
        await pulse.grow(await head_position(database) if position is None else position)
        loop.turned()
        await pulse.committed()


_SILENT = 2.0
"""Seconds between two responses without events."""
_STRIDE = 5000
"""A lane skips events of other lanes in large steps: after an import of thousands it is at the end in a moment."""
MACHINES = frozenset(
    {
        "relay",
        "relay-bulk",
        "supervision",
        "standings",
        "reporters",
        "attachments",
        "erasures",
        "notices",
        "notices-bulk",
        "hooks",
    }
)
"""Consumers of Accord's own machine clients: nobody else may move their positions."""
Owner = Callable[[Connection, str], Awaitable[str | None]]
"""Returns the unit that owns the history of a case or file; None if there is none."""
_ACCORD = "machine:accord"
"""The owner of the consumers of machine clients, so that nobody else can claim them first."""


def beyond(head: int) -> CaseError:
    """Return the refusal of a position that this feed does not have; it says where the feed ends."""
    return CaseError(Reason.BEYOND_THE_FEED, head_position=str(head))


class Said:
    """What a watch was told last. Where there is nothing for it, it is told only now and then how far the feed is."""

    def __init__(self, position: int, *, patient: bool) -> None:
        self._position = position
        self._every = _SILENT if patient else 0.0
        self._at = -_SILENT

    def say(self, position: int) -> None:
        """Note what is being said."""
        self._position, self._at = position, time.monotonic()

    def within(self, position: int) -> float | None:
        """Return in how many seconds a position is to be said that is not yet; None if it was."""
        return None if position == self._position else max(self._at + self._every - time.monotonic(), 0.0)

    def pause(self, least: float) -> float:
        """Return for how many seconds nothing is to be said yet, so that at least so many lie between two responses."""
        return max(self._at + least - time.monotonic(), 0.0) if least else 0.0

    def is_due(self, position: int) -> bool:
        """Return whether a position is to be said now."""
        return self.within(position) == 0.0


def _below(row: Told, units: str) -> bool:
    """Return whether an event is of a pattern of units."""
    return row.unit.startswith(units[:-1]) if units.endswith("%") else row.unit == units


def _of_types(request: feed_pb2.WatchEventsRequest, row: Told) -> bool:
    return not request.types or row.kind in request.types


def _wanted(request: feed_pb2.WatchEventsRequest, row: Told) -> bool:
    """Return whether a watch asks for an event, whatever its unit and lane."""
    return (row.wakes or not request.only_waking) and _of_types(request, row)


def _last_of_each(rows: list[Told]) -> list[Told]:
    """Return the last event of each case, in order."""
    last_of = {row.number: row for row in rows}
    return sorted(last_of.values(), key=lambda row: row.position)


class FeedServicer(feed_pb2_grpc.FeedServiceServicer):
    """Serves one service's feed. `owner` returns the unit that owns the history of a case or file."""

    def __init__(self, service: str, database: Database, pulse: FeedPulse, owner: Owner) -> None:
        self._service = service
        self._owner = owner
        self._database = database
        self._pulse = pulse
        self._tail = Tail(database, lambda: pulse.position)

    def _check(self, service: str) -> None:
        if service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")

    async def ListEvents(self, request: feed_pb2.ListEventsRequest, context: Context) -> feed_pb2.ListEventsResponse:
        """Return past events, oldest first, of one case or of the caller's units."""
        self._check(request.service)
        call, size = current_call(), request.page_size or 100
        after = int(paging.read(request.page_token, "events") or request.after_sequence)
        async with self._database.read() as connection:
            if request.case:
                number = number_of(request.case)
                unit = await self._owner(connection, number)
                if unit is None:
                    # There is nothing here; only callers who may see the whole tree are told so.
                    call.scope()
                    return feed_pb2.ListEventsResponse()
                call.require(unit)
                rows = await feed_store.of_case(connection, number, after, size + 1)
            else:
                after = after if request.page_token else 0
                rows = await feed_store.of_unit(connection, paging.subtree(call.scope()), after, size + 1)
        events = [self._event(row) for row in rows[:size]]
        reply = feed_pb2.ListEventsResponse(events=events)
        reply.next_page_token = paging.following(
            rows, size, "events", lambda end: end.seq if request.case else end.position
        )
        return reply

    async def WatchEvents(
        self, request: feed_pb2.WatchEventsRequest, context: Context
    ) -> AsyncIterator[feed_pb2.WatchEventsResponse]:
        """Return events as they are committed; ends only with the call or, if requested, once it has caught up."""
        self._check(request.service)
        self._check_types(request)
        number = number_of(request.case) if request.case else ""
        allowed = await self._allow_watching(number)
        # Without a case: all of the caller's subtree, or of the requested part of it.
        units = "" if number else paging.subtree(current_call().scope(last(request.unit)))
        position = request.after_position
        if request.consumer:
            position = await self._acknowledged(request.consumer)
        await self._head()
        await self._check_place(position, request.after_hash)
        said = Said(position, patient=not request.until_caught_up)
        while True:
            head = self._pulse.position
            if position > head:
                await self._must_reach(position)
            while position < head:
                events, position = await self._stretch(request, number, units, position, head)
                if events and not allowed:
                    allowed = await self._allow_watching(number)
                if events or (not number and said.is_due(position)):
                    yield feed_pb2.WatchEventsResponse(events=events, position=position)
                    said.say(position)
            if not number and said.is_due(position):
                yield feed_pb2.WatchEventsResponse(position=position)
                said.say(position)
            if request.until_caught_up:
                return
            await asyncio.sleep(said.pause(request.pause_ms / 1000))
            await self._pulse.beyond(position, None if number else said.within(position))

    def _check_types(self, request: feed_pb2.WatchEventsRequest) -> None:
        if request.types and request.names_only:
            raise field_error("types", Reason.INVALID_FIELD, "not together with names_only")
        if unknown := sorted(set(request.types) - catalogue(self._service).types.keys()):
            raise field_error("types", Reason.INVALID_FIELD, f"{unknown[0]} is no type of event of {self._service}")

    async def _stretch(
        self, request: feed_pb2.WatchEventsRequest, number: str, units: str, after: int, head: int
    ) -> tuple[list[feed_pb2.Event], int]:
        """Return the next events of a watch, and the position up to which these are all."""
        size = request.batch_size or 200
        if held := await self._tail.since(after):
            return self._from_memory(request, number, units, held, size)
        if request.lane and not number:
            to = min(after + _STRIDE, head)
            rows = await self._read_lane(request, units, after, to, size)
            to = rows[-1].position if len(rows) == size else to
            return [self._event(row) for row in rows if _of_types(request, row)], to
        # A case has few events: one query finds them all, however long the feed is.
        to = head if number else min(after + size, head)
        if request.names_only and not number:
            return await self._names(units, after, to), to
        rows = await self._read(number, units, after, to)
        return [self._event(row) for row in rows if _wanted(request, row)], to

    def _from_memory(
        self, request: feed_pb2.WatchEventsRequest, number: str, units: str, held: Held, size: int
    ) -> tuple[list[feed_pb2.Event], int]:
        """Return the same from the newest events, without a query."""
        rows, to = held
        if number:
            return [self._event(row) for row in rows if row.number == number and _wanted(request, row)], to
        if not request.lane and len(rows) > size:
            rows, to = rows[:size], rows[size - 1].position
        rows = [row for row in rows if _below(row, units)]
        if request.names_only and not request.lane:
            return [self._name(row.position, row.number, row.seq) for row in _last_of_each(rows)], to
        if request.lane:
            bulk = request.lane == feed_pb2.LANE_BULK
            rows = [row for row in rows if row.bulk == bulk and (row.wakes or not request.only_waking)]
            if len(rows) > size:
                rows, to = rows[:size], rows[size - 1].position
        return [self._event(row) for row in rows if _wanted(request, row)], to

    async def _read_lane(
        self, request: feed_pb2.WatchEventsRequest, units: str, after: int, to: int, limit: int
    ) -> list[Told]:
        bulk, waking = request.lane == feed_pb2.LANE_BULK, request.only_waking
        async with self._database.read() as connection:
            return await feed_store.lane(connection, units, after, to, limit, bulk=bulk, waking=waking)

    async def _read(self, number: str, units: str, after: int, to: int) -> list[Told]:
        async with self._database.read() as connection:
            if number:
                return await feed_store.stretch_of_case(connection, number, after, to)
            return await feed_store.stretch(connection, units, after, to)

    async def _names(self, units: str, after: int, to: int) -> list[feed_pb2.Event]:
        """Return the last event of each case in a range of the feed: its position and name, without its payload."""
        async with self._database.read() as connection:
            rows = await feed_store.names(connection, units, after, to)
        return [self._name(*row) for row in rows]

    def _name(self, position: int, number: str, seq: int) -> feed_pb2.Event:
        """Return an event by its name alone."""
        return feed_pb2.Event(
            name=f"feeds/{self._service}/events/{position}", position=position, case=file_name(number), sequence=seq
        )

    async def _allow_watching(self, number: str) -> bool:
        """Allow the call to watch; return whether that also covers later events."""
        unit = None
        if number:
            async with self._database.read() as connection:
                unit = await self._owner(connection, number)
        if unit:
            current_call().require(unit)
        elif number:
            # There is nothing here yet; decided again when the case's first event comes.
            current_call().scope()
        return bool(unit) or not number

    async def _acknowledged(self, consumer: str) -> int:
        """Return the position of a consumer: the caller's, or any if the caller may see the whole feed."""
        async with self._database.read() as connection:
            row = await feed_store.consumer(connection, consumer)
        call = current_call()
        if row is None:
            return 0
        if row.owner != call.caller.subject:
            call.require(ROOT_UNIT)
        return row.position

    async def AcknowledgeEvents(
        self, request: feed_pb2.AcknowledgeEventsRequest, context: Context
    ) -> feed_pb2.Consumer:
        """Record how far a durable consumer has come."""
        self._check(request.service)
        current_call().scope()
        head = await self._head()
        if request.position > head:
            await self._must_reach(request.position)
        call = current_call()
        is_machine = "service" in call.caller.roles
        call.require_person(is_machine or request.consumer not in MACHINES)
        owner = _ACCORD if is_machine else call.caller.subject
        async with self._database.begin() as connection:
            position = await feed_store.acknowledge(
                connection, request.consumer, request.position, owner, machine=is_machine
            )
        # A consumer belongs to whoever acknowledged first: if somebody else moved its position, it would lose events.
        call.require_person(position is not None)
        return self._consumer(request.consumer, position or 0)

    async def GetConsumer(
        self, request: feed_pb2.GetConsumerRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> feed_pb2.Consumer:
        """Return how far a durable consumer has come."""
        self._check(request.service)
        current_call().scope()
        await self._head()
        return self._consumer(request.consumer, await self._acknowledged(request.consumer))

    async def ListEventTypes(
        self, request: feed_pb2.ListEventTypesRequest, context: Context
    ) -> feed_pb2.ListEventTypesResponse:
        """Return the catalogue of the service's events."""
        self._check(request.service)
        current_call().scope()
        size, after = request.page_size or 100, paging.read(request.page_token, "eventTypes", str) or ""
        found = [each for each in catalogue(self._service).described() if each.type > after]
        reply = feed_pb2.ListEventTypesResponse(event_types=found[:size])
        reply.next_page_token = paging.following(found, size, "eventTypes", lambda end: end.type)
        return reply

    async def _check_place(self, position: int, known: str) -> None:
        """Refuse a position that the feed does not have, or at which it has another event than the caller knows."""
        if position > self._pulse.position:
            await self._must_reach(position)
        if position and known:
            async with self._database.read() as connection:
                there = await feed_store.hash_at(connection, position)
            if there is None or there.hex() != known:
                raise beyond(self._pulse.position)

    async def _must_reach(self, position: int) -> None:
        """Refuse a position without an event; the database is asked, since another process may seal."""
        head = await head_position(self._database)
        if position > head:
            raise beyond(head)
        await self._pulse.grow(head)

    async def _head(self) -> int:
        """Return where the feed ends; from the database if this process has not sealed yet."""
        if not self._pulse.position:
            await self._pulse.grow(await head_position(self._database))
        return self._pulse.position

    def _consumer(self, name: str, position: int) -> feed_pb2.Consumer:
        return feed_pb2.Consumer(
            name=f"feeds/{self._service}/consumers/{name}", position=position, head_position=self._pulse.position
        )

    def _event(self, row: Told) -> feed_pb2.Event:
        payload = Struct()
        payload.update(row.payload)
        return feed_pb2.Event(
            name=f"feeds/{self._service}/events/{row.position}",
            position=row.position,
            case=file_name(row.number),
            sequence=row.seq,
            type=row.kind,
            occur_time=stamp(row.occurred_at),
            record_time=stamp(row.recorded_at),
            actor=row.actor,
            payload=payload,
            hash=row.hash.hex(),
            trace_parent=row.trace_parent,
            wakes=row.wakes,
        )
