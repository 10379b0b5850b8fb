"""A file and what is said about it, as `multipart/form-data` (RFC 7578): read while it arrives, never held as a whole.

A field is named as in JSON, one inside of another with a dot: `evidence.title`. Fields come before the file.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message as Head
from email.parser import HeaderParser

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import wrong_field
from services.gateway.rest.query import Parameters, query_fields

FORM = "multipart/form-data"
_FILE_NAME = "file_name"
_HEAD, _TEXT = 8 * 1024, 64 * 1024
"""Bytes of the head of a part, and of a field."""
_FIELDS = 100
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{1,70}")


@dataclass(frozen=True, slots=True)
class FormShape:
    """How a request is sent as a form: the field of the file, and for a stream that of what is said before it."""

    file: str
    header: str = ""
    keyed: bool = False
    """Whether what is said before a stream has a key, which a form sends as `Idempotency-Key`."""

    def target(self, message: Message) -> Message:
        """Return the message that the fields of the form fill."""
        found: Message = getattr(message, self.header) if self.header else message
        return found


def form_shape(descriptor: Descriptor, *, streamed: bool) -> FormShape | None:
    """Return how a request of this type is sent as a form; None if it holds no file, or more than one."""
    files = [field for field in descriptor.fields if field.type == FieldDescriptor.TYPE_BYTES]
    if len(files) != 1 or files[0].is_repeated:
        return None
    if not streamed:
        return FormShape(files[0].name)
    header = descriptor.fields_by_name.get("header")
    if header is None or header.message_type is None:
        return None
    return FormShape(files[0].name, "header", "request_id" in header.message_type.fields_by_name)


class FormReader:
    """Reads the forms of one type of request."""

    def __init__(self, descriptor: Descriptor, shape: FormShape, bound: set[str]) -> None:
        inner = descriptor.fields_by_name[shape.header].message_type if shape.header else None
        self._shape = shape
        found = query_fields(inner or descriptor, bound | ({shape.file} if inner is None else set()), sealed=True)
        self._parameters = Parameters(found)
        self.fields = found
        named = [path for path in found.values() if path[-1].name == _FILE_NAME]
        self._named = named[0] if len(named) == 1 else ()

    async def read(self, exchange: Exchange, message: Message) -> AsyncIterator[bytes]:
        """Set the fields of a request, then yield the file; raise Problem. It is done when the body is."""
        target, seen, whole = self._shape.target(message), set[str](), False
        parts = _Parts(exchange)
        async for name, file_name in parts:
            if whole:
                raise wrong_field("body", "文件之后不应再有内容，且只能有一个文件。", "One file, and it comes last.")
            if file_name is None:
                if len(seen) >= _FIELDS:
                    raise wrong_field("body", f"至多 {_FIELDS} 个字段。", f"At most {_FIELDS} fields.")
                self._parameters.set(name, await parts.text(name), target, seen)
                continue
            whole = True
            self._name_it(target, file_name)
            async for data in parts.content():
                yield data
        if not whole:
            raise wrong_field("file", "缺少文件。", "There is no file.")

    def _name_it(self, target: Message, file_name: str) -> None:
        """Set the name of the file, unless the form said it."""
        if not self._named or not file_name:
            return
        for step in self._named[:-1]:
            target = getattr(target, step.name)
        if not getattr(target, _FILE_NAME):
            setattr(target, _FILE_NAME, file_name)


class _Parts:
    """The parts of a body as they arrive: name and file name of each; its content is read before the next."""

    def __init__(self, exchange: Exchange) -> None:
        kind = exchange.headers.get(b"content-type", b"").decode("latin-1")
        boundary = _parameter(HeaderParser().parsestr(f"content-type: {kind}"), "content-type", "boundary")
        if boundary is None or not _BOUNDARY.fullmatch(boundary):
            raise wrong_field("Content-Type", "没有可用的 boundary。", "Has no valid boundary.")
        self._exchange, self._more = exchange, True
        self._mark = b"\r\n--" + boundary.encode()
        self._held = bytearray(b"\r\n")

    async def __aiter__(self) -> AsyncIterator[tuple[str, str | None]]:
        await self._whole(self._mark, _HEAD, "body")
        while (after := await self._exactly(2)) != b"--":
            if after != b"\r\n":
                raise wrong_field("body", "不是完整的表单。", "Is not a whole form.")
            # Browsers send names in UTF-8 as they are (RFC 7578, 5.1).
            head = HeaderParser().parsestr((await self._whole(b"\r\n\r\n", _HEAD, "body")).decode("utf-8", "replace"))
            name, file_name = (_parameter(head, "content-disposition", each) for each in ("name", "filename"))
            if name is None:
                raise wrong_field("body", "部分没有名称。", "A part has no name.")
            yield name, file_name
        while True:
            if self._held.strip():
                raise wrong_field("body", "表单之后还有内容。", "Something comes after the form.")
            self._held.clear()
            if not self._more:
                return
            await self._fetch()

    async def text(self, name: str) -> str:
        """Return the field that is next; raise Problem if it is too long, or no text."""
        try:
            return (await self._whole(self._mark, _TEXT, name)).decode("utf-8")
        except UnicodeDecodeError:
            raise wrong_field(name, "不是有效的 UTF-8。", "Is not valid UTF-8.") from None

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content that is next, as it arrives."""
        while (at := self._held.find(self._mark)) < 0:
            ready = len(self._held) - len(self._mark) + 1
            if ready > 0:
                yield bytes(self._held[:ready])
                del self._held[:ready]
            await self._fetch()
        if at:
            yield bytes(self._held[:at])
        del self._held[: at + len(self._mark)]

    async def _whole(self, mark: bytes, most: int, name: str) -> bytes:
        while (at := self._held.find(mark)) < 0:
            if len(self._held) > most + len(mark):
                raise wrong_field(name, "太长。", "Is too long.")
            await self._fetch()
        found = bytes(self._held[:at])
        if at > most:
            raise wrong_field(name, "太长。", "Is too long.")
        del self._held[: at + len(mark)]
        return found

    async def _exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            await self._fetch()
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    async def _fetch(self) -> None:
        if not self._more:
            raise wrong_field("body", "不是完整的表单。", "Is not a whole form.")
        data, self._more = await self._exchange.chunk()
        self._held += data


def _parameter(head: Head, header: str, name: str) -> str | None:
    """Return a parameter of a header; None if it has none.

    Raise Problem if it names a character set of its own, which a form may not (RFC 7578, 4.2): Python would look it up.
    """
    try:
        found: object = head.get_param(name, header=header)
    except ValueError:
        found = ()
    if found is None or isinstance(found, str):
        return found
    raise wrong_field("body", f"{name} 应直接以 UTF-8 书写。", f"{name} is not plain UTF-8.")
