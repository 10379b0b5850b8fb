"""One RPC at one HTTP method and path: how a request becomes a message and where the call goes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.api import http_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import ContractError, Rpc
from services.gateway.rest.decoder import Fill, Wrong, filler_of, parse
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.forms import FORM, FormReader, FormShape, form_shape
from services.gateway.rest.problem import Fault, refuse, wrong_field
from services.gateway.rest.query import Parameters, Setter, field_path, query_fields, setter_of
from services.gateway.rest.schema import is_output_only
from services.gateway.rest.template import Template
from services.kit.serving.limits import LARGE, HttpLimitSettings
from services.kit.serving.masks import resource_of

# One entity tag, or `*` for the current version. A proxy that compresses marks tags weak; they are still valid.
IF_MATCH = r'^(\*|(W/)?"[!#-+.-~-]{1,200}")$'
_KEY = "request_id"
_BODILESS = {"GET", "HEAD", "DELETE"}
_JSON = ("application/json", "application/merge-patch+json")


@dataclass(slots=True)
class Shape:
    """The data of a rule: used to serve it and to describe it."""

    rpc: Rpc
    method: str
    path: str
    template: Template
    body: str
    response_body: str
    number: int
    query: dict[str, tuple[FieldDescriptor, ...]] = field(default_factory=dict)

    @property
    def takes_key(self) -> bool:
        """Return whether the RPC must be called with an Idempotency-Key."""
        return _KEY in self.rpc.takes.fields_by_name and self.method not in _BODILESS

    @property
    def etag_path(self) -> tuple[str, ...]:
        """Return the field that If-Match sets: `etag` of the request, or of the resource in the body of a change."""
        fields = self.rpc.takes.fields_by_name
        if "etag" in fields:
            return ("etag",)
        inner = fields.get(self.body) if self.method in ("PATCH", "PUT") else None
        return (
            (self.body, "etag") if inner and inner.message_type and "etag" in inner.message_type.fields_by_name else ()
        )

    @property
    def answers_etag(self) -> bool:
        """Return whether the response has a version."""
        found = self.rpc.answers.fields_by_name.get("etag")
        return not self.rpc.server_streaming and found is not None and found.type == FieldDescriptor.TYPE_STRING


def shapes_of(rpc: Rpc) -> list[Shape]:
    """Return one shape for each HTTP rule of an RPC."""
    return [_shape(rpc, rule, number) for number, rule in enumerate(rpc.rules)]


def _shape(rpc: Rpc, rule: http_pb2.HttpRule, number: int) -> Shape:
    kind = rule.WhichOneof("pattern")
    if kind is None:
        raise ContractError(f"{rpc.full_name}: its HTTP rule has no path")
    method, path = (rule.custom.kind, rule.custom.path) if kind == "custom" else (kind.upper(), getattr(rule, kind))
    template = Template.parse(path)
    shape = Shape(rpc, method, path, template, rule.body, rule.response_body, number)
    for variable in template.variables:
        field_path(rpc.takes, variable.field)
    if rule.body not in ("", "*"):
        field_path(rpc.takes, rule.body)
    if rule.body != "*":
        bound = {variable.field for variable in template.variables} | {rule.body}
        shape.query = query_fields(rpc.takes, bound)
    return shape


def form_of(shape: Shape) -> FormShape | None:
    """Return how the request of a shape is sent as a form; None if it cannot be."""
    rpc = shape.rpc
    return form_shape(rpc.takes, streamed=rpc.client_streaming) if shape.body == "*" else None


def bound_of(shape: Shape) -> set[str]:
    """Return the fields of a request that come in the path or a header, not in its form."""
    return {variable.field for variable in shape.template.variables} | {_KEY}


class Binding:
    """Serves a shape: reads the request into a message and selects the backend."""

    def __init__(self, shape: Shape, backends: dict[str, Backend], limits: HttpLimitSettings) -> None:
        request = shape.rpc.takes
        self.shape = shape
        self._make = shape.rpc.request
        self.limit = limits.body_limit if holds_bytes(request) else min(limits.body_limit, limits.text_limit)
        self._path: list[tuple[Setter, tuple[FieldDescriptor, ...]]] = []
        for variable in shape.template.variables:
            path = field_path(request, variable.field)
            self._path.append((setter_of(path), path))
        self._parameters = Parameters(shape.query)
        self._body = shape.body
        inner = request if self._body == "*" else None
        if self._body and inner is None:
            inner = request.fields_by_name[self._body].message_type
        self._fill = filler_of(inner) if inner is not None else None
        self._form = self._forms(shape)
        changed = resource_of(request) if shape.method == "PATCH" else None
        self._resource = changed.message_type if changed is not None else None
        self._etag = shape.etag_path
        self._calls = {name: backend.callable(shape.rpc) for name, backend in backends.items()}
        self._only = next(iter(self._calls.values())) if len(self._calls) == 1 else None
        if self._only is None and not {"service", "name"} & set(request.fields_by_name):
            raise ContractError(f"{shape.rpc.full_name}: several backends serve it and its request names no service")
        self._chosen_by = "service" if "service" in request.fields_by_name else "name"

    @staticmethod
    def _forms(shape: Shape) -> FormReader | None:
        """Return what reads the request as a form; None if it holds no file."""
        form = form_of(shape)
        return FormReader(shape.rpc.takes, form, bound_of(shape)) if form is not None else None

    async def read(self, exchange: Exchange, parts: list[str]) -> tuple[Any, dict[str, str]]:
        """Return the request message and which of its fields came from headers; raise Problem."""
        message: Any = self._make()
        sent = await self._read_body(exchange, message, self._fill) if self._fill is not None else None
        self.read_path(message, parts)
        if exchange.query:
            self._parameters.read(exchange.query, message)
        if self._resource is not None and isinstance(sent, dict) and sent and not message.update_mask.paths:
            message.update_mask.paths.extend(self._implied(sent))
        return message, self._read_headers(exchange, message)

    def read_path(self, message: Message, parts: list[str]) -> None:
        """Set the fields bound to the path; raise Problem if the body differs."""
        try:
            values = list(self.shape.template.values(parts))
        except UnicodeDecodeError:
            raise refuse("INVALID_UTF8") from None
        for (setter, path), (_, text) in zip(self._path, values, strict=True):
            if len(path) == 1 and self._body == "*":
                given = getattr(message, path[0].name)
                if given and given != text:
                    raise wrong_field(path[0].json_name, "与地址不一致。", "Differs from the path.")
            try:
                setter(message, text)
            except Wrong as wrong:
                raise wrong.under(path[-1].json_name).problem() from None
            except (TypeError, ValueError):
                raise wrong_field(path[-1].json_name, "值不正确。", "Not a valid value.") from None

    async def _read_body(self, exchange: Exchange, message: Message, fill: Fill) -> object:
        if self._form is not None and exchange.content_type() == FORM:
            await self._read_form(exchange, message, self._form)
            return None
        data = await exchange.body(self.limit)
        if not data:
            return None
        if exchange.content_type() not in _JSON:
            raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted="application/json")
        target = message
        if self._body != "*":
            target = getattr(message, self._body)
            target.SetInParent()
        if len(data) > LARGE:
            return await asyncio.to_thread(decode, target, data, fill)
        return decode(target, data, fill)

    async def _read_form(self, exchange: Exchange, message: Message, form: FormReader) -> None:
        content, file = bytearray(), form_of(self.shape)
        async with exchange.in_time():
            async for data in form.read(exchange, message):
                content += data
                if len(content) > self.limit:
                    raise refuse("BODY_TOO_LARGE")
        assert file is not None
        setattr(message, file.file, bytes(content))

    def _implied(self, sent: dict[str, Any]) -> list[str]:
        """Return the implied mask of a change: the fields in its JSON, including those set to empty (AIP-134)."""
        assert self._resource is not None
        names = {name: field for field in self._resource.fields for name in (field.name, field.json_name)}
        given = [names[name] for name in sent]
        return [field.name for field in given if field.name not in ("name", "etag") and not is_output_only(field)]

    def _read_headers(self, exchange: Exchange, message: Message) -> dict[str, str]:
        renamed: dict[str, str] = {}
        if self.shape.takes_key:
            key = exchange.header(b"idempotency-key")
            given = getattr(message, _KEY)
            if not key and not given:
                fault = Fault("Idempotency-Key", "缺少此请求头。", "This header is missing.")
                raise refuse("IDEMPOTENCY_KEY_MISSING", fault)
            if key and given and key != given:
                fault = Fault("Idempotency-Key", "与 requestId 不一致。", "Differs from requestId.")
                raise refuse("IDEMPOTENCY_KEY_CONFLICT", fault)
            if key:
                setattr(message, _KEY, key)
                renamed[_KEY] = "Idempotency-Key"
        if self._etag and b"if-match" in exchange.headers:
            self._read_if_match(exchange, message)
            renamed[".".join(self._etag)] = "If-Match"
        return renamed

    def _read_if_match(self, exchange: Exchange, message: Message) -> None:
        text = exchange.header(b"if-match").strip()
        if text == "*":
            return
        etag = unquote_etag(text)
        if not re.fullmatch(IF_MATCH, text):
            raise wrong_field("If-Match", '应为一个版本，如 "abc"。', 'Must be one entity tag such as "abc".')
        *outer, leaf = self._etag
        for step in outer:
            message = getattr(message, step)
        if getattr(message, leaf) not in ("", etag):
            raise refuse("ETAG_CONFLICT", Fault("If-Match", "与 etag 不一致。", "Differs from etag."))
        setattr(message, leaf, etag)

    def call_of(self, message: Message) -> Callable[..., Any]:
        """Return the callable of the backend that serves this request; raise Problem if none does."""
        if self._only is not None:
            return self._only
        # `service` itself, or the second part of a name such as `clocks/{service}/{clock}`.
        chosen: str = getattr(message, self._chosen_by)
        if self._chosen_by == "name":
            chosen = chosen.partition("/")[2].partition("/")[0]
        call = self._calls.get(chosen)
        if call is None:
            names = ", ".join(self._calls)
            raise wrong_field(self._chosen_by, f"应为以下之一：{names}。", f"Must be one of {names}.")
        return call


def decode(message: Message, data: bytes, fill: Fill) -> object:
    """Fill a message from JSON and return the JSON's value; raise Problem. Large bodies are decoded in a thread."""
    value = parse(data)
    try:
        fill(message, value)
    except Wrong as wrong:
        raise wrong.problem() from None
    return value


def holds_bytes(descriptor: Descriptor, seen: frozenset[str] = frozenset()) -> bool:
    """Return whether a message of this type may contain a file, and may therefore be large."""
    if descriptor.full_name in seen:
        return False
    seen |= {descriptor.full_name}
    return any(
        field.type == FieldDescriptor.TYPE_BYTES
        or (field.message_type is not None and holds_bytes(field.message_type, seen))
        for field in descriptor.fields
        if not is_output_only(field)
    )


def unquote_etag(text: str) -> str:
    """Return an entity tag without its quotes and its weak mark."""
    text = text.removeprefix("W/")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
