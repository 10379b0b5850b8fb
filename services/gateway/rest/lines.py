"""Streams of messages from a client: NDJSON in, NDJSON or one JSON response out, both ways at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import orjson
from google.protobuf.message import Message

from services.gateway.rest.backend import EOF
from services.gateway.rest.binding import Binding, bound_of, decode, form_of
from services.gateway.rest.decoder import filler_of
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.events import LINES, EventWriter
from services.gateway.rest.exchange import ClientGone, Exchange
from services.gateway.rest.forms import FORM, FormReader
from services.gateway.rest.problem import Fault, Problem, of_rpc, refuse
from services.kit.serving.limits import LARGE

_LINE_TYPES = (LINES, "application/ndjson", "application/jsonl", "application/json-lines")
# Responses kept for a client that sends everything before it reads; beyond this it must read to continue.
_AHEAD = 32 * 1024 * 1024
# Bytes of a file in one message.
_PART = 512 * 1024

_OneReply = grpc.aio.StreamUnaryCall[Message, Message]
_ManyReplies = grpc.aio.StreamStreamCall[Message, Message]


class ClientStreamEndpoint:
    """Serves an RPC that takes many messages, one per line, and returns one or many."""

    def __init__(self, binding: Binding, limit: int) -> None:
        self._binding = binding
        self._limit = limit
        rpc = binding.shape.rpc
        self._make: Any = rpc.request
        self._many = rpc.server_streaming
        self._fill = filler_of(rpc.takes)
        self._encode = encoder_of(rpc.answers)
        shape = form_of(binding.shape)
        self._form = FormReader(rpc.takes, shape, bound_of(binding.shape)) if shape else None
        self._file, self._keyed = (shape.file, shape.keyed) if shape else ("", False)

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Handle one request; raise Problem as long as nothing has been sent."""
        exchange.accepts(LINES if self._many else "application/json")
        kind = exchange.content_type()
        if kind not in _LINE_TYPES and not (self._form and kind == FORM):
            raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=f"{LINES}, {FORM}" if self._form else LINES)
        # The first message selects the backend, if several serve the RPC.
        lines = self._form_messages(exchange) if kind == FORM else self._messages(exchange, parts)
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
        return exchange.timeout(86400.0) if b"request-timeout" in exchange.headers else None

    async def _messages(self, exchange: Exchange, parts: list[str]) -> AsyncIterator[Message]:
        number = 0
        async for line in self._lines(exchange):
            number += 1
            if not line.strip():
                continue
            message = self._make()
            try:
                if len(line) > LARGE:
                    await asyncio.to_thread(decode, message, line, self._fill)
                else:
                    decode(message, line, self._fill)
                self._binding.read_path(message, parts)
            except Problem as problem:
                problem.line = number
                raise
            yield message

    async def _form_messages(self, exchange: Exchange) -> AsyncIterator[Message]:
        """Yield what a form says about its file, under the key of the call if it has one, then the file in parts."""
        assert self._form is not None
        header: Any = self._make()
        if self._keyed:
            header.header.request_id = exchange.header(b"idempotency-key")
            if not header.header.request_id:
                fault = Fault("Idempotency-Key", "缺少此请求头。", "This header is missing.")
                raise refuse("IDEMPOTENCY_KEY_MISSING", fault)
        begun = False
        async for data in self._form.read(exchange, header):
            if not begun:
                yield header
                begun = True
            for at in range(0, len(data), _PART):
                yield self._make(**{self._file: data[at : at + _PART]})
        if not begun:
            yield header

    async def _lines(self, exchange: Exchange) -> AsyncIterator[bytes]:
        # The start of a line is joined once, however small the pieces in which it arrives.
        rest, size, more = [], 0, True
        while more:
            chunk, more = await exchange.chunk()
            first, *lines = chunk.split(b"\n")
            rest.append(first)
            size += len(first)
            if size > self._limit:
                raise refuse("BODY_TOO_LARGE")
            if lines:
                *whole, last = lines
                yield b"".join(rest)
                for line in whole:
                    yield line
                rest, size = [last], len(last)
        if size:
            yield b"".join(rest)

    async def _send(
        self, call: _OneReply | _ManyReplies, first: Message | None, lines: AsyncIterator[Message]
    ) -> Problem | None:
        """Send every message; return what is wrong with a line, after which nothing more is sent."""
        problem = None
        try:
            if first is not None:
                await call.write(first)
            async for message in lines:
                await call.write(message)
        except Problem as wrong:
            if not self._many:
                # What is not whole must not be taken for all there is.
                call.cancel()
                return wrong
            problem = wrong
        except (asyncio.InvalidStateError, grpc.RpcError):
            # The call has ended; its reader reports why.
            return None
        except ClientGone:
            call.cancel()
            return None
        with contextlib.suppress(asyncio.InvalidStateError, grpc.RpcError):
            await call.done_writing()
        return problem

    async def _answer_one(self, exchange: Exchange, call: _OneReply, sender: Awaitable[Problem | None]) -> None:
        problem = await sender
        if problem is not None:
            raise problem
        response = await call
        await exchange.answer(200, [(b"content-type", b"application/json")], orjson.dumps(self._encode(response)))

    async def _answer_lines(self, exchange: Exchange, call: _ManyReplies, sender: Awaitable[Problem | None]) -> None:
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

    async def _collect(self, call: _ManyReplies, backlog: Backlog) -> None:
        try:
            while (message := await call.read()) is not EOF:
                await backlog.put(orjson.dumps(self._encode(message)) + b"\n")
        finally:
            backlog.close()


class Backlog:
    """Lines to send to the client, limited by their size."""

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
        """Return the available lines, waiting for the first; None after the last."""
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
        """Let `take` end after the available lines. For callers that cannot await."""
        self._closed = True
        self._wake = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
