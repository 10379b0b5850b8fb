"""Streams of messages to a client: server-sent events or NDJSON, no faster than the client reads."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import orjson
from google.protobuf.message import Message

from services.gateway.rest.backend import EOF
from services.gateway.rest.binding import Binding
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.problem import Fault, Problem, of_rpc, refuse

EVENTS, LINES = "text/event-stream", "application/x-ndjson"
_AFTER = "after_position"
# How long to wait for the first message or error before the response status is sent.
_FIRST = 2.0


def stream_headers(kind: str) -> list[Header]:
    """Return the headers of a streamed response, which proxies must not buffer."""
    return [
        (b"content-type", kind.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]


class EventWriter:
    """Writes server-sent events or lines."""

    def __init__(self, exchange: Exchange, kind: str) -> None:
        self._exchange = exchange
        self._events = kind == EVENTS

    async def start(self) -> None:
        """Send the headers; for events also how soon to reconnect."""
        kind = EVENTS if self._events else LINES
        await self._exchange.start(200, stream_headers(kind))
        if self._events:
            await self._exchange.write(b"retry: 2000\n\n")

    async def message(self, value: object, event_id: str = "") -> None:
        """Send one message."""
        data = orjson.dumps(value)
        if not self._events:
            await self._exchange.write(data + b"\n")
        elif event_id:
            await self._exchange.write(b"id: %b\ndata: %b\n\n" % (event_id.encode(), data))
        else:
            await self._exchange.write(b"data: %b\n\n" % data)

    async def problem(self, problem: Problem) -> None:
        """Send an error in mid-stream: the event `problem`, or a last line with the member `error`."""
        document = problem.document(self._exchange.language, self._exchange.trace_id)
        if self._events:
            await self._exchange.write(b"event: problem\ndata: %b\n\n" % orjson.dumps(document))
        else:
            await self._exchange.write(orjson.dumps({"error": document}) + b"\n")

    async def heartbeat(self) -> None:
        """Send a comment, so that no proxy mistakes the silence for the end. NDJSON has no comments."""
        if self._events:
            await self._exchange.write(b": heartbeat\n\n")

    async def end(self) -> None:
        """End the response."""
        await self._exchange.write(b"", more=False)


class Watch:
    """Waits for the next item and sends heartbeats meanwhile; ends with the client, the token or the process."""

    def __init__(self, exchange: Exchange, writer: EventWriter, heartbeat: float, stopping: asyncio.Event) -> None:
        self._writer = writer
        self._heartbeat = heartbeat
        self._ends = [asyncio.create_task(exchange.gone()), asyncio.create_task(stopping.wait())]
        self._until = time.monotonic() + exchange.lifetime()

    async def next(self, waited: asyncio.Future[Any]) -> bool:
        """Return whether it arrived; False if the stream must end instead."""
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                return False
            pause = min(self._heartbeat, left)
            await asyncio.wait([waited, *self._ends], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if any(task.done() for task in self._ends):
                return False
            if waited.done():
                return True
            if pause == self._heartbeat:
                await self._writer.heartbeat()

    def close(self) -> None:
        """Stop waiting for the ends."""
        for task in self._ends:
            task.cancel()


async def opened(call: grpc.aio.Call, first: asyncio.Future[Any]) -> None:
    """Wait until a stream has sent something or has been accepted; raise the error if it was refused."""
    let_in = asyncio.create_task(call.initial_metadata())
    try:
        await asyncio.wait([first, let_in], timeout=_FIRST, return_when=asyncio.FIRST_COMPLETED)
        if first.done() or call.done():
            await first
    finally:
        let_in.cancel()


class ServerStreamEndpoint:
    """Serves an RPC with one request message and many response messages."""

    def __init__(self, binding: Binding, heartbeat: float, stopping: asyncio.Event) -> None:
        self._binding = binding
        self._heartbeat = heartbeat
        self._stopping = stopping
        rpc = binding.shape.rpc
        self._encode = encoder_of(rpc.answers)
        self._positions = "position" in rpc.answers.fields_by_name
        self._resumes = _AFTER in rpc.takes.fields_by_name

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Handle one request; raise Problem as long as nothing has been sent."""
        kind = exchange.accepts(EVENTS, LINES)
        message, renamed = await self._binding.read(exchange, parts)
        self._resume(exchange, message)
        call = self._binding.call_of(message)(message, timeout=exchange.lifetime(), metadata=exchange.metadata())
        first = asyncio.create_task(call.read())
        writer = EventWriter(exchange, kind)
        watch = Watch(exchange, writer, self._heartbeat, self._stopping)
        try:
            await opened(call, first)
            await writer.start()
            if not exchange.head:
                await self._pump(call, first, writer, watch)
        except grpc.RpcError as error:
            problem = of_rpc(error, self._binding.shape.body, renamed)
            if not exchange.status:
                raise problem from None
            await writer.problem(problem)
        finally:
            first.cancel()
            watch.close()
            call.cancel()
        await writer.end()

    def _resume(self, exchange: Exchange, message: Message) -> None:
        last = exchange.header(b"last-event-id")
        if not (self._resumes and last) or getattr(message, _AFTER):
            return
        if not last.isdigit() or int(last) >= 2**63:
            fault = Fault("Last-Event-ID", "应为位置编号。", "Must be a position.")
            raise refuse("INVALID_FIELD", fault)
        setattr(message, _AFTER, int(last))

    async def _pump(
        self, call: grpc.aio.UnaryStreamCall[Message, Message], read: asyncio.Future[Any], writer: EventWriter,
        watch: Watch,
    ) -> None:  # fmt: skip
        try:
            while await watch.next(read):
                message = read.result()
                if message is EOF:
                    return
                await writer.message(self._encode(message), str(message.position) if self._positions else "")
                read = asyncio.create_task(call.read())
        finally:
            read.cancel()
