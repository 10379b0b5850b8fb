"""One HTTP request and its response: headers, language, trace, deadline, body, and what was sent so far."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from starlette.types import Message, Receive, Scope, Send

from services.gateway.rest.problem import Problem, refuse, wrong_field
from services.kit.serving.errors import language_of, weights_of
from services.kit.serving.limits import HttpLimitSettings

Header = tuple[bytes, bytes]
Refusal: TypeAlias = "Callable[[Exchange, Problem], tuple[int, list[Header], bytes]]"
"""Returns status, headers and body of an error."""
_READ_OFF = 16 * 1024 * 1024
# A few bytes may unpack to millions: data is unpacked in pieces of this size and counted as it arrives.
_PIECE = 64 * 1024


class ClientGone(Exception):
    """The client closed the connection; nobody is left to respond to."""


class Exchange:
    """Everything an endpoint needs of one request. Made by the edge, which also handles errors."""

    __slots__ = (
        "_held", "_limits", "_more", "_packed", "_security", "_send", "_unpack", "authorization", "finished", "headers",
        "language", "query", "receive", "refusal", "route", "scope", "started", "status", "trace_id", "trace_parent",
        "unit", "until",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, security: list[Header], limits: HttpLimitSettings
    ) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query: bytes = scope["query_string"]
        self.language = language_of(self.headers.get(b"accept-language", b"").decode("latin-1"))
        self.authorization = ""
        self.trace_parent = self.trace_id = self.route = self.unit = ""
        self.until = 0.0
        self.refusal: Refusal | None = None
        self.status = 0
        self.finished = False
        self.started = time.perf_counter()
        self.receive = receive
        self._send, self._security, self._limits = send, security, limits
        self._unpack: zlib._Decompress | None = None
        self._packed, self._more = b"", True
        self._held: bytes | None = None

    @property
    def head(self) -> bool:
        """Return whether only the headers of the response are requested."""
        return bool(self.scope["method"] == "HEAD")

    def header(self, name: bytes) -> str:
        """Return a request header, empty if it was not sent; raise Problem if it is not printable ASCII."""
        value = self.headers.get(name, b"")
        try:
            text = value.decode("ascii")
        except UnicodeDecodeError:
            text = "\0"
        if not text.isprintable():
            raise wrong_field(name.decode("latin-1"), "应为可打印的 ASCII 字符。", "Must be printable ASCII.")
        return text

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata for every call to a service: caller, language, trace."""
        return (
            ("authorization", self.authorization),
            ("accept-language", self.language),
            ("traceparent", self.trace_parent),
        )

    def timeout(self, longest: float) -> float:
        """Return the seconds the response may take: the header Request-Timeout if it is below the maximum."""
        if b"request-timeout" not in self.headers:
            return longest
        text = self.header(b"request-timeout")
        if not (text.isdigit() and len(text) < 10 and int(text)):
            raise wrong_field(
                "Request-Timeout", "应为秒数，至少为 1。", "Must be a whole number of seconds, at least 1."
            )
        return min(float(text), longest)

    def lifetime(self) -> float:
        """Return the seconds for which the caller's token is still valid: no stream outlives it."""
        return max(0.0, self.until - time.time())

    def accepts(self, *offered: str) -> str:
        """Return the first offered media type the client accepts; raise a 406 Problem if it takes none."""
        accept = self.headers.get(b"accept")
        if not accept or accept == b"*/*":
            return offered[0]
        asked = weights_of(accept.decode("latin-1"))
        best = max(offered, key=lambda kind: _quality(kind, asked))
        if _quality(best, asked) <= 0:
            raise refuse("NOT_ACCEPTABLE", offered=", ".join(offered))
        return best

    def names(self, *kinds: str) -> bool:
        """Return whether the client requests one of these media types by name, not by a range."""
        accept = self.headers.get(b"accept", b"").decode("latin-1")
        return any(weight > 0 for kind, weight in weights_of(accept) if kind in kinds)

    def content_type(self) -> str:
        """Return the media type of the body in lower case, without parameters; raise a 415 for a foreign charset."""
        kind, _, parameters = self.headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
                raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted="UTF-8")
        return kind.strip()

    def hold(self, body: bytes) -> None:
        """Keep a body that was read for whoever reads it next."""
        self._held = body

    async def body(self, limit: int) -> bytes:
        """Return the whole body; raise a 413 Problem if it is longer than `limit` bytes, a 408 where it is slow."""
        if self._held is not None:
            return self._held
        async with self.in_time():
            return await self._whole(limit)

    @contextlib.asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Let a body be read inside; raise a 408 Problem where it is slow."""
        try:
            async with asyncio.timeout(self._limits.limit_body_seconds):
                yield
        except TimeoutError:
            raise refuse("REQUEST_TOO_SLOW") from None

    async def _whole(self, limit: int) -> bytes:
        length = self.headers.get(b"content-length")
        if length and length.isdigit() and int(length) > limit:
            await self._read_off()
            raise refuse("BODY_TOO_LARGE")
        chunks: list[bytes] = []
        size = 0
        while True:
            chunk, more = await self.chunk()
            size += len(chunk)
            if size > limit:
                await self._read_off()
                raise refuse("BODY_TOO_LARGE")
            if not more and not chunks:
                return chunk
            chunks.append(chunk)
            if not more:
                return b"".join(chunks)

    async def _read_off(self) -> None:
        """Read what the client still sends, up to a limit: most read the response only after sending everything."""
        size = 0
        while self._more and size < _READ_OFF:
            size += len(await self._received())

    async def chunk(self) -> tuple[bytes, bool]:
        """Return the next part of the body, unpacked, and whether more follows; raise ClientGone or a Problem."""
        if self._held is not None:
            return self._held, False
        unpack = self._unpacker() if b"content-encoding" in self.headers else None
        if unpack is None:
            return await self._received(), self._more
        if not self._packed:
            self._packed = await self._received()
        try:
            piece = unpack.decompress(self._packed, _PIECE)
            if not self._more and not unpack.eof and not unpack.unconsumed_tail:
                piece += unpack.flush()
        except zlib.error:
            raise refuse("BROKEN_ENCODING") from None
        self._packed = unpack.unconsumed_tail or unpack.unused_data
        if unpack.eof and self._packed:
            self._unpack = None  # one more file in the same body
        if not (self._more or self._packed or unpack.eof):
            raise refuse("BROKEN_ENCODING")
        return piece, self._more or bool(self._packed)

    def _unpacker(self) -> zlib._Decompress | None:
        coding = self.header(b"content-encoding").strip().lower()
        if coding in ("", "identity"):
            return None
        if coding not in ("gzip", "x-gzip"):
            problem = refuse("UNSUPPORTED_MEDIA_TYPE", wanted="Content-Encoding: gzip, identity")
            problem.headers.append((b"accept-encoding", b"gzip"))
            raise problem
        if self._unpack is None:
            self._unpack = zlib.decompressobj(wbits=31)
        return self._unpack

    async def _received(self) -> bytes:
        try:
            async with asyncio.timeout(self._limits.limit_idle):
                message = await self.receive()
        except TimeoutError:
            raise refuse("REQUEST_TOO_SLOW") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._more = message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    async def gone(self) -> None:
        """Wait until the client closes the connection. Only after the body has been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send status and headers."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, more: bool = True) -> None:
        """Send a part of the body; wait while the client does not read."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole response."""
        if status not in (204, 304):
            headers.append((b"content-length", str(len(body)).encode()))
        await self.start(status, headers)
        await self.write(body, more=False)

    async def refuse(self, problem: Problem) -> None:
        """Send an error: a problem document, unless the route has a form of its own."""
        if problem.status in (408, 413, 415):
            # The rest of the body will not be read.
            problem.headers.append((b"connection", b"close"))
        told = self.refusal(self, problem) if self.refusal else problem.answer(self.language, self.trace_id)
        await self.answer(*told)

    async def send(self, message: Message) -> None:
        """Send an ASGI message, with the security headers at its start."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in self._security if header[0] not in given),
            ]
        elif not message.get("more_body", False):
            self.finished = True
        await self._send(message)


def _quality(kind: str, ranges: list[tuple[str, float]]) -> float:
    family = kind.partition("/")[0] + "/*"
    for wanted in (kind, family, "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0


def reply_headers(**headers: object) -> list[Header]:
    """Return response headers from keyword arguments, underscores for hyphens."""
    return [(name.replace("_", "-").encode(), str(value).encode("latin-1")) for name, value in headers.items()]
