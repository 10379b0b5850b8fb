"""Files in responses: sent as files, under their name, unless the client requests JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.gateway.rest.backend import EOF
from services.gateway.rest.binding import Binding
from services.gateway.rest.events import EVENTS, LINES
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.problem import of_rpc
from services.gateway.rest.ranges import span_of

ANY = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "png": "image/png",
    "docx": f"{_OFFICE}wordprocessingml.document",
    "xlsx": f"{_OFFICE}spreadsheetml.sheet",
    "csv": "text/csv",
    "txt": "text/plain",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "zip": "application/zip",
    "ics": "text/calendar",
}
"""Media types of returned files, by extension."""
_EXTENSIONS = {"jpeg": "jpg", "text": "txt"}
_OF_A_FILE = {"name", "file_name", "media_type", "content", "sha256", "files"}


@dataclass(frozen=True, slots=True)
class FileShape:
    """How a message contains a file: in which field, and whether it has data that is not about the file."""

    field: str
    whole: bool
    ranged: bool = False
    """Whether parts of it can be asked for: it is stored, and its size is known before it is sent.

    What is made anew for each request may differ the next time: parts of two would not fit.
    """

    def headers(self, message: Message, kind: str = "") -> list[Header]:
        """Return the headers for the file of this message, or of the first of its parts."""
        name = self._name(message)
        return [
            (b"content-type", (kind or self.media_type(message)).encode("latin-1", "replace")),
            (b"content-disposition", disposition(name).encode("ascii")),
            (b"cache-control", b"no-store"),
        ]

    def media_type(self, message: Message) -> str:
        """Return the media type of the file, from the message or the file's extension."""
        said: str = getattr(message, "media_type", "")
        return said or TYPES.get(_extension(self._name(message)), ANY)

    @staticmethod
    def size(message: Message) -> int:
        """Return how long the whole file is, from the first of its parts; 0 if they do not say it."""
        return int(getattr(getattr(message, "evidence", None), "size", 0))

    def _name(self, message: Message) -> str:
        inner = getattr(message, "evidence", None)
        said: str = getattr(message, "file_name", "") or getattr(inner, "file_name", "")
        if _extension(said) in TYPES:
            return said
        if inner is not None:
            kind = inner.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[inner.type].name
            extension = kind.rpartition("_")[2].lower()
            return f"{said or _stem(inner.name)}.{_EXTENSIONS.get(extension, extension)}"
        extension = next(
            (ending for ending, kind in TYPES.items() if kind == getattr(message, "media_type", "")), "bin"
        )
        name: str = getattr(message, "name", "")
        return said or f"{_stem(name)}.{extension}"


class Endpoint(Protocol):
    """Serves a request."""

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None: ...


Completion = Callable[[Exchange, Any], Awaitable[None]]


class FileStreamEndpoint:
    """Serves an RPC that returns a file in parts: as the file, or as messages if the client requests them by name."""

    complete: Completion | None = None
    """Adds to a request what the client need not send; not where messages are requested."""

    def __init__(self, binding: Binding, shape: FileShape, messages: Endpoint) -> None:
        self.binding = binding
        self._shape = shape
        self._messages = messages

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Handle one request; raise Problem. A failure midway closes the connection: half a file is useless."""
        if exchange.names(EVENTS, LINES):
            await self._messages(exchange, parts)
            return
        message, renamed = await self.binding.read(exchange, parts)
        if self.complete is not None:
            await self.complete(exchange, message)
        call = self.binding.call_of(message)(message, timeout=exchange.lifetime(), metadata=exchange.metadata())
        try:
            part = await call.read()
            kind = exchange.accepts(self._shape.media_type(part), ANY)
            headers = self._shape.headers(part, kind)
            size = self._shape.size(part) if self._shape.ranged else 0
            span = span_of(exchange, size) if size else None
            await exchange.start(span.status if span else 200, headers + (span.headers() if span else []))
            at = 0
            while part is not EOF and not exchange.head and not (span and at >= span.stop):
                await exchange.write(span.cut(part.chunk, at) if span else part.chunk)
                at += len(part.chunk)
                part = await call.read()
        except grpc.RpcError as error:
            raise of_rpc(error, self.binding.shape.body, renamed) from None
        finally:
            call.cancel()
        await exchange.write(b"", more=False)


def file_shape(descriptor: Descriptor, parts: bool) -> FileShape | None:
    """Return how messages of this type contain a file, whole or in parts; None if they contain none."""
    fields = descriptor.fields_by_name
    if "next_offset" in fields:
        return None
    if parts:
        described = fields["evidence"].message_type if "evidence" in fields else None
        ranged = described is not None and "size" in described.fields_by_name
        return FileShape("chunk", True, ranged) if _is_bytes(fields.get("chunk")) else None
    if not _is_bytes(fields.get("content")) or not {"file_name", "media_type"} & set(fields):
        return None
    return FileShape("content", set(fields) <= _OF_A_FILE)


def disposition(name: str) -> str:
    """Return a Content-Disposition (RFC 6266) that saves under this name, in any script (RFC 8187)."""
    plain = "".join(char for char in name if char.isprintable() and char not in '/\\"') or "file"
    ascii_only = "".join(char if char.isascii() else "_" for char in plain)
    return f"attachment; filename=\"{ascii_only}\"; filename*=UTF-8''{quote(plain, safe='')}"


def _is_bytes(field: FieldDescriptor | None) -> bool:
    return field is not None and field.type == FieldDescriptor.TYPE_BYTES


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _stem(name: str) -> str:
    return name.replace("/", "-") or "file"
