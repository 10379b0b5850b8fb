"""An RPC with one request and one response message: request → message → call → JSON."""

from __future__ import annotations

import grpc
import orjson
from google.protobuf.message import Message

from services.gateway.rest.binding import Binding, unquote_etag
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.files import ANY, FileShape, file_shape
from services.gateway.rest.problem import of_rpc

_JSON: Header = (b"content-type", b"application/json")
_NO_STORE: Header = (b"cache-control", b"no-store")
# A client may cache a versioned resource, and revalidates it each time.
_REVALIDATE: list[Header] = [(b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, Accept-Language")]


class UnaryEndpoint:
    """Serves one binding."""

    def __init__(self, binding: Binding, timeout: float) -> None:
        shape = binding.shape
        self.binding = binding
        self._timeout = timeout
        self._answers_etag = shape.answers_etag
        self._reads = shape.method == "GET"
        self._part = shape.response_body
        descriptor = shape.rpc.answers
        self._file = file_shape(descriptor, parts=False) if self._reads else None
        self._encode = encoder_of(descriptor)
        if self._part:
            # The whole is encoded and the part picked: none of our rules uses it, and this is correct for all types.
            self._part = descriptor.fields_by_name[self._part].json_name

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem."""
        if self._file is None:
            exchange.accepts("application/json")
        await self.answer(exchange, await self.ask(exchange, parts))

    async def ask(self, exchange: Exchange, parts: list[str]) -> Message:
        """Return the service's response; raise Problem."""
        return await self.call(exchange, *await self.binding.read(exchange, parts))

    async def call(self, exchange: Exchange, message: Message, renamed: dict[str, str]) -> Message:
        """Return the service's response to a message that was read; raise Problem."""
        call = self.binding.call_of(message)
        try:
            return await call(message, timeout=exchange.timeout(self._timeout), metadata=exchange.metadata())
        except grpc.RpcError as error:
            raise of_rpc(error, self.binding.shape.body, renamed) from None

    async def answer(self, exchange: Exchange, response: Message) -> None:
        """Send a response."""
        if self._file is not None and await self._sent_as_file(exchange, response, self._file):
            return
        headers = [_JSON]
        if self._answers_etag and (said := getattr(response, "etag", "")):
            etag = unquote_etag(said)
            headers.append((b"etag", f'"{etag}"'.encode("latin-1", "replace")))
            if self._reads:
                headers += _REVALIDATE
                if self.is_unchanged(exchange, etag):
                    await exchange.answer(304, headers[1:], b"")
                    return
            else:
                headers.append(_NO_STORE)
        else:
            headers.append(_NO_STORE)
        value = self._encode(response)
        if self._part:
            value = value.get(self._part)
        await exchange.answer(200, headers, orjson.dumps(value))

    @staticmethod
    async def _sent_as_file(exchange: Exchange, response: Message, file: FileShape) -> bool:
        """Send the file in a response as a file, if the client prefers that."""
        own = file.media_type(response)
        kind = exchange.accepts(*((own, "application/json", ANY) if file.whole else ("application/json", own, ANY)))
        if kind == "application/json":
            return False
        await exchange.answer(200, file.headers(response, kind), getattr(response, file.field))
        return True

    @staticmethod
    def is_unchanged(exchange: Exchange, etag: str) -> bool:
        """Return whether the client has this version already."""
        asked = exchange.headers.get(b"if-none-match")
        if not asked:
            return False
        known = [unquote_etag(part.strip()) for part in asked.decode("latin-1").split(",")]
        return etag in known or "*" in known
