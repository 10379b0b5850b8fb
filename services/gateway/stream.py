"""RPCs that stream: server-sent events or NDJSON out, NDJSON in, both ways at once, no faster than the reader reads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import grpc.aio
import jwt
import orjson

from services.gateway.binding import Binding
from services.gateway.decoder import Wrong, filler_of, parse
from services.gateway.encoder import encoder_of
from services.gateway.exchange import ClientGone, Exchange, Header
from services.gateway.problem import Fault, Problem, of_rpc, refuse

EVENTS, LINES = "text/event-stream", "application/x-ndjson"
_LINE_TYPES = (LINES, "application/ndjson", "application/jsonl", "application/json-lines")
# How long the first message or refusal is waited for before the answer's status is sent.
_FIRST = 2.0
# Answers kept for a client that sends everything before it reads anything; past this it must read to go on.
_AHEAD = 32 * 1024 * 1024


def stream_headers(kind: str) -> list[Header]:
    """Return the headers of a streamed answer; no proxy shall collect it."""
    return [
        (b"content-type", kind.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]


def lifetime(exchange: Exchange) -> float:
    """Return the seconds for which the caller's token is still good: no stream outlives it."""
    token = exchange.authorization.partition(" ")[2]
    claims = jwt.decode(token, options={"verify_signature": False})
    return max(0.0, float(claims.get("exp", 0)) - time.time())


class EventWriter:
    """Writes server-sent events or lines."""

    def __init__(self, exchange: Exchange, kind: str) -> None:
        self._exchange = exchange
        self._events = kind == EVENTS

    async def start(self) -> None:
        """Send the headers; for events also how soon a lost connection is tried again."""
        kind = EVENTS if self._events else LINES
        await self._exchange.start(200, stream_headers(kind))
        if self._events:
            await self._exchange.write(b"retry: 2000\n\n")

    async def message(self, value: Any, event_id: str = "") -> None:
        """Send one message."""
        data = orjson.dumps(value)
        if not self._events:
            await self._exchange.write(data + b"\n")
        elif event_id:
            await self._exchange.write(b"id: %b\ndata: %b\n\n" % (event_id.encode(), data))
        else:
            await self._exchange.write(b"data: %b\n\n" % data)

    async def problem(self, problem: Problem) -> None:
        """Send a refusal that came midway: the event `problem`, or a last line with the member `error`."""
        document = problem.document(self._exchange.language, self._exchange.trace_id)
        if self._events:
            await self._exchange.write(b"event: problem\ndata: %b\n\n" % orjson.dumps(document))
        else:
            await self._exchange.write(orjson.dumps({"error": document}) + b"\n")

    async def heartbeat(self) -> None:
        """Send a comment, so that nobody on the way takes the silence for the end. Lines have no comments."""
        if self._events:
            await self._exchange.write(b": heartbeat\n\n")

    async def end(self) -> None:
        """End the answer."""
        await self._exchange.write(b"", more=False)


class Watch:
    """Waits for the next of something, and meanwhile beats, or ends for the client, the token or the process."""

    def __init__(self, exchange: Exchange, writer: EventWriter, heartbeat: float, stopping: asyncio.Event) -> None:
        self._writer = writer
        self._heartbeat = heartbeat
        self._ends = [asyncio.create_task(exchange.gone()), asyncio.create_task(stopping.wait())]
        self._until = time.monotonic() + lifetime(exchange)

    async def next(self, waited: asyncio.Future[Any]) -> bool:
        """Return whether it came; False where the stream must end instead."""
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


class ServerStreamEndpoint:
    """Serves an RPC that takes one message and answers many."""

    def __init__(self, binding: Binding, heartbeat: float, stopping: asyncio.Event) -> None:
        self._binding = binding
        self._heartbeat = heartbeat
        self._stopping = stopping
        rpc = binding.shape.rpc
        self._encode = encoder_of(rpc.response.DESCRIPTOR)
        self._positions = "position" in rpc.response.DESCRIPTOR.fields_by_name
        self._resumes = "after_position" in rpc.request.DESCRIPTOR.fields_by_name

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem while nothing has been sent."""
        kind = exchange.accepts(EVENTS, LINES)
        message, renamed = await self._binding.read(exchange, parts)
        self._resume(exchange, message)
        call = self._binding.call_of(message)(message, timeout=lifetime(exchange), metadata=exchange.metadata())
        first = asyncio.create_task(call.read())
        writer = EventWriter(exchange, kind)
        watch = Watch(exchange, writer, self._heartbeat, self._stopping)
        try:
            await opened(call, first)
            await writer.start()
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

    def _resume(self, exchange: Exchange, message: Any) -> None:
        last = exchange.header(b"last-event-id")
        if not (self._resumes and last) or message.after_position:
            return
        if not last.isdigit() or int(last) >= 2**63:
            fault = Fault("Last-Event-ID", "应为位置编号。", "Must be a position.")
            raise refuse("INVALID_FIELD", fault)
        message.after_position = int(last)

    async def _pump(self, call: Any, read: asyncio.Future[Any], writer: EventWriter, watch: Watch) -> None:
        while await watch.next(read):
            message = read.result()
            if message is grpc.aio.EOF:
                return
            await writer.message(self._encode(message), str(message.position) if self._positions else "")
            read = asyncio.create_task(call.read())


async def opened(call: Any, first: asyncio.Future[Any]) -> None:
    """Wait until a stream has answered something or has been let in; raise the refusal where it was refused."""
    let_in = asyncio.create_task(call.initial_metadata())
    try:
        await asyncio.wait([first, let_in], timeout=_FIRST, return_when=asyncio.FIRST_COMPLETED)
        if first.done() or call.done():
            await first
    finally:
        let_in.cancel()


class ClientStreamEndpoint:
    """Serves an RPC that takes many messages, one a line, and answers one or many."""

    def __init__(self, binding: Binding, limit: int) -> None:
        self._binding = binding
        self._limit = limit
        rpc = binding.shape.rpc
        self._make = rpc.request
        self._many = rpc.server_streaming
        self._fill = filler_of(rpc.request.DESCRIPTOR)
        self._encode = encoder_of(rpc.response.DESCRIPTOR)

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem while nothing has been sent."""
        exchange.accepts(LINES if self._many else "application/json")
        if exchange.content_type() not in _LINE_TYPES:
            raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=LINES)
        # The first message tells which backend it is for, where several serve the RPC.
        lines = self._messages(exchange, parts)
        first = await anext(lines, None)
        probe = first if first is not None else self._make()
        call = self._binding.call_of(probe)(metadata=exchange.metadata(), timeout=self._deadline(exchange))
        sender = asyncio.create_task(self._send(call, first, lines))
        try:
            if self._many:
                await self._answer_lines(exchange, call, sender)
            else:
                await self._answer_one(exchange, call, sender)
        except grpc.RpcError as error:
            raise of_rpc(error) from None
        finally:
            sender.cancel()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await sender

    @staticmethod
    def _deadline(exchange: Exchange) -> float | None:
        return exchange.timeout(86400.0) if exchange.header(b"request-timeout") else None

    async def _messages(self, exchange: Exchange, parts: list[str]) -> AsyncIterator[Any]:
        number = 0
        async for line in self._lines(exchange):
            number += 1
            if not line.strip():
                continue
            message = self._make()
            try:
                self._fill(message, parse(line))
                self._binding.read_path(message, parts)
            except (Wrong, Problem) as error:
                problem = error.problem() if isinstance(error, Wrong) else error
                problem.line = number
                raise problem from None
            yield message

    async def _lines(self, exchange: Exchange) -> AsyncIterator[bytes]:
        rest, more = b"", True
        while more:
            chunk, more = await exchange.chunk()
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > self._limit:
                raise refuse("BODY_TOO_LARGE")
            for line in lines:
                yield line
        if rest:
            yield rest

    async def _send(self, call: Any, first: Any, lines: AsyncIterator[Any]) -> Problem | None:
        """Send every message; return what was wrong with a line, after which nothing more is sent."""
        problem = None
        try:
            if first is not None:
                await call.write(first)
            async for message in lines:
                await call.write(message)
        except Problem as wrong:
            problem = wrong
        except (asyncio.InvalidStateError, grpc.RpcError):
            # The call has ended; its reader tells why.
            return None
        except ClientGone:
            call.cancel()
            return None
        with contextlib.suppress(asyncio.InvalidStateError, grpc.RpcError):
            await call.done_writing()
        return problem

    async def _answer_one(self, exchange: Exchange, call: Any, sender: Awaitable[Problem | None]) -> None:
        problem = await sender
        if problem is not None:
            raise problem
        response = await call
        await exchange.answer(200, [(b"content-type", b"application/json")], orjson.dumps(self._encode(response)))

    async def _answer_lines(self, exchange: Exchange, call: Any, sender: Awaitable[Problem | None]) -> None:
        backlog = Backlog()
        reader = asyncio.create_task(self._collect(call, backlog))
        writer = EventWriter(exchange, LINES)
        problem: Problem | None = None
        try:
            while (line := await backlog.take()) is not None:
                if not exchange.status:
                    await writer.start()
                await exchange.write(line)
            await reader
            problem = await sender
        except grpc.RpcError as error:
            problem = of_rpc(error)
        finally:
            reader.cancel()
        if not exchange.status:
            if problem is not None:
                raise problem
            await writer.start()
        if problem is not None:
            await writer.problem(problem)
        await writer.end()

    async def _collect(self, call: Any, backlog: Backlog) -> None:
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                await backlog.put(orjson.dumps(self._encode(message)) + b"\n")
        finally:
            backlog.close()


class Backlog:
    """Lines on their way to the client, bounded by their size."""

    def __init__(self, limit: int = _AHEAD) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._limit = limit
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, line: bytes) -> None:
        """Add a line; waits while the backlog is full."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._size < self._limit)
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()

    async def take(self) -> bytes | None:
        """Return the lines that are there, waiting for the first; None after the last."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._lines or self._closed)
            if not self._lines:
                return None
            joined = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            self._changed.notify_all()
            return joined

    def close(self) -> None:
        """Let `take` end after what is there. Called where nothing can be awaited."""
        self._closed = True
        self._wake = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
