"""What happened to a case, from all services' feeds in one timeline: first the past, then live."""

from __future__ import annotations

import asyncio
import heapq
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import orjson
from pb.feed.v1 import feed_pb2

from services.gateway.rest.backend import EOF, Backend
from services.gateway.rest.contract import Contract, Rpc
from services.gateway.rest.described import header, refusals
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.events import EVENTS, EventWriter, Watch
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import Fault, Problem, of_rpc, refuse
from services.gateway.rest.routes import Terms
from services.gateway.rest.template import decode_segment

TAG = {"name": "Timeline", "description": "What happened to a case, over all services."}
PATH = "/v1/{case=*/*}/timeline"
FEED = "accord.feed.v1.FeedService"
_PAGE = 1000
_PAGES = 20
_POSITION = re.compile(r"([a-z]+):([0-9]{1,18})")
# Errors that a retry does not resolve.
_FINAL = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT,
          grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.OUT_OF_RANGE}  # fmt: skip
_PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Feed:
    """One service's feed in a timeline: the position read, and the last event of the case it returned."""

    name: str
    position: int = 0
    sequence: int = 0


class TimelineEndpoint:
    """Serves the timeline of a case as JSON or as server-sent events."""

    def __init__(
        self,
        contract: Contract,
        backends: dict[str, Backend],
        terms: Terms,
    ) -> None:
        rpcs: dict[str, Rpc] = {rpc.name: rpc for rpc in contract.rpcs if rpc.service == FEED}
        self._list = {name: backend.callable(rpcs["ListEvents"]) for name, backend in backends.items()}
        self._watch = {name: backend.callable(rpcs["WatchEvents"]) for name, backend in backends.items()}
        self._encode = encoder_of(feed_pb2.Event.DESCRIPTOR)
        self._terms = terms

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Handle one request; raise Problem while nothing is sent. Every feed must respond to the first read."""
        kind = exchange.accepts("application/json", EVENTS)
        if exchange.query:
            name = exchange.query.partition(b"=")[0].decode("latin-1")
            raise refuse("UNKNOWN_PARAMETER", Fault(name, "没有这个参数。", "There is no such parameter."), name=name)
        try:
            case = "/".join(decode_segment(part) for part in parts[1:3])
        except UnicodeDecodeError:
            raise refuse("INVALID_UTF8") from None
        feeds = {name: Feed(name) for name in self._list}
        self._resume(exchange, feeds)
        try:
            past = await asyncio.gather(*(self._past(exchange, case, name) for name in feeds))
        except grpc.RpcError as error:
            raise of_rpc(error) from None
        found = dict(zip(feeds, past, strict=True))
        if kind == EVENTS:
            await self._stream(exchange, case, feeds, found)
        else:
            await self._answer(exchange, feeds, found)

    @staticmethod
    def _resume(exchange: Exchange, feeds: dict[str, Feed]) -> None:
        last = exchange.header(b"last-event-id")
        for part in last.split(",") if last else ():
            match = _POSITION.fullmatch(part.strip())
            if match is None or match[1] not in feeds:
                fault = Fault(
                    "Last-Event-ID", "应形如 intake:12,mediation:4。", "Must look like intake:12,mediation:4."
                )
                raise refuse("INVALID_FIELD", fault)
            feeds[match[1]].position = int(match[2])

    async def _past(self, exchange: Exchange, case: str, name: str) -> list[Any]:
        request = feed_pb2.ListEventsRequest(service=name, case=case, page_size=_PAGE)
        events: list[Any] = []
        for _ in range(_PAGES):
            page = await self._list[name](
                request, timeout=exchange.timeout(self._terms.timeout), metadata=exchange.metadata()
            )
            events += page.events
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        return events

    async def _answer(self, exchange: Exchange, feeds: dict[str, Feed], found: dict[str, list[Any]]) -> None:
        for name, events in found.items():
            feeds[name].position = max((event.position for event in events), default=0)
        merged = sorted((event for events in found.values() for event in events), key=_when)
        body = {"events": [self._encode(event) for event in merged], "lastEventId": last_event_id(feeds)}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, orjson.dumps(body))

    async def _stream(self, exchange: Exchange, case: str, feeds: dict[str, Feed], found: dict[str, list[Any]]) -> None:
        writer = EventWriter(exchange, EVENTS)
        await writer.start()
        if exchange.head:
            await writer.end()
            return
        # Merged, not sorted: each feed keeps its own order, so that Last-Event-ID never skips an event. An event
        # not yet sealed into its feed comes live in a moment, with its position.
        unseen = [
            [(feeds[name], event) for event in events if event.position > feeds[name].position]
            for name, events in found.items()
        ]
        for feed, event in heapq.merge(*unseen, key=lambda pair: _when(pair[1])):
            await self._emit(writer, feeds, feed, event)
        queue: asyncio.Queue[tuple[Feed, Any]] = asyncio.Queue(maxsize=100)
        watch = Watch(exchange, writer, self._terms.heartbeat, self._terms.stopping)
        pumps = [asyncio.create_task(self._follow(exchange, case, feed, queue.put)) for feed in feeds.values()]
        waiting: asyncio.Future[tuple[Feed, Any]] = asyncio.ensure_future(queue.get())
        try:
            while await watch.next(waiting):
                feed, item = waiting.result()
                if isinstance(item, Problem):
                    await writer.problem(item)
                    break
                await self._emit(writer, feeds, feed, item)
                waiting = asyncio.ensure_future(queue.get())
        finally:
            waiting.cancel()
            watch.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        await writer.end()

    async def _emit(self, writer: EventWriter, feeds: dict[str, Feed], feed: Feed, event: feed_pb2.Event) -> None:
        if event.sequence <= feed.sequence:
            return
        feed.sequence, feed.position = event.sequence, event.position
        await writer.message(self._encode(event), last_event_id(feeds))

    async def _follow(
        self, exchange: Exchange, case: str, feed: Feed, put: Callable[[tuple[Feed, Any]], Awaitable[None]]
    ) -> None:
        """Pass on the feed's events of the case as they arrive; an unavailable service is retried until it is back."""
        position, failures = feed.position, 0
        while True:
            request = feed_pb2.WatchEventsRequest(service=feed.name, case=case, after_position=position)
            call = self._watch[feed.name](request, timeout=exchange.lifetime(), metadata=exchange.metadata())
            try:
                while (batch := await call.read()) is not EOF:
                    failures = 0
                    for event in batch.events:
                        await put((feed, event))
                    position = batch.position
            except grpc.RpcError as error:
                if error.code() in _FINAL:
                    await put((feed, of_rpc(error)))
                    return
            finally:
                call.cancel()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1


def _when(event: feed_pb2.Event) -> tuple[int, int]:
    return event.occur_time.ToNanoseconds(), event.record_time.ToNanoseconds()


def last_event_id(feeds: dict[str, Feed]) -> str:
    """Return how far each feed has been read, as a client sends it back in Last-Event-ID."""
    return ",".join(f"{feed.name}:{feed.position}" for feed in feeds.values())


def paths() -> dict[str, Any]:
    """Return the timeline's path as the OpenAPI document has it; an event is described by its contract."""
    return {"/v1/cases/{case}/timeline": {"get": _described()}}


def _described() -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/Event"}
    pattern = r"^(intake|mediation|escalation):[0-9]{1,18}(,(intake|mediation|escalation):[0-9]{1,18}){0,2}$"
    responses = refusals(400, 401, 403, 404, 406, 429, 500, 503, 504)
    return {
        "operationId": "getTimeline",
        "tags": [TAG["name"]],
        "summary": "Gets what happened to a case",
        "description": "The events of all services, merged by time. As JSON the past; as server-sent events the past "
        "and then each event as it is committed, until the client leaves or its token expires.\n\n"
        "Permission: `events.list`, for the live part `events.watch`.",
        "x-permission": "events.list",
        "parameters": [
            {
                "name": "case",
                "in": "path",
                "required": True,
                "description": "Number of the case.",
                "schema": {"type": "string", "pattern": "^[0-9]{6}-[0-9]{4}-[0-9]{6,9}$"},
                "example": "620102-2026-000117",
            },
            {"$ref": "#/components/parameters/AcceptLanguage"},
            header(
                "Last-Event-ID",
                "The last event's id: the stream continues after it.",
                {"type": "string", "pattern": pattern},
            ),
        ],
        "responses": {
            "200": {
                "description": "The events, oldest first.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["events", "lastEventId"],
                            "properties": {
                                "events": {"type": "array", "items": event},
                                "lastEventId": {
                                    "type": "string",
                                    "description": "Where to continue with Last-Event-ID.",
                                },
                            },
                        }
                    },
                    "text/event-stream": {
                        "schema": {"type": "string", "description": "The data of each event is one Event as JSON."},
                        "x-event-schema": event,
                    },
                },
            },
            **responses,
        },
    }
