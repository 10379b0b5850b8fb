"""Query string and path values → message fields, by setters compiled once per RPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.gateway.rest.contract import ContractError
from services.gateway.rest.decoder import Wrong, filler_of, text_reader_of
from services.gateway.rest.encoder import is_input_only
from services.gateway.rest.problem import Fault, refuse
from services.gateway.rest.schema import is_output_only

Setter = Callable[[Any, str], None]
_TEXTUAL = {"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"}
_DEPTH = 4


class Parameters:
    """Sets request fields from a query string; the rule determines which fields."""

    def __init__(self, fields: dict[str, tuple[FieldDescriptor, ...]]) -> None:
        self._setters: dict[str, tuple[str, bool, Setter]] = {}
        for name, path in fields.items():
            entry = (name, path[-1].is_repeated, setter_of(path))
            self._setters[name] = self._setters[".".join(field.name for field in path)] = entry

    def read(self, query: bytes, message: Message) -> None:
        """Set the fields a query string names; raise Problem naming the parameter that is wrong."""
        seen: set[str] = set()
        for name, text in decoded_pairs(query):
            self.set(name, text, message, seen)

    def set(self, name: str, text: str, message: Message, seen: set[str]) -> None:
        """Set the field of one parameter and add it to those seen; raise Problem naming it if it is wrong."""
        entry = self._setters.get(name)
        if entry is None:
            fault = Fault(name, "没有这个参数。", "There is no such parameter.")
            raise refuse("UNKNOWN_PARAMETER", fault, name=name)
        canonical, repeated, setter = entry
        if canonical in seen and not repeated:
            raise refuse("DUPLICATE_PARAMETER", Fault(canonical, "重复。", "Given more than once."), name=canonical)
        seen.add(canonical)
        try:
            setter(message, text)
        except Wrong as wrong:
            wrong.path = [canonical]
            raise wrong.problem() from None
        except (TypeError, ValueError):
            raise Wrong("值不正确。", "Not a valid value.").under(canonical).problem() from None


def decoded_pairs(query: bytes) -> Iterator[tuple[str, str]]:
    """Yield names and values of a query string; raise Problem if they are no UTF-8."""
    try:
        for part in query.split(b"&"):
            if part:
                name, _, value = part.replace(b"+", b" ").partition(b"=")
                yield unquote_to_bytes(name).decode("utf-8"), unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise refuse("INVALID_UTF8") from None


def setter_of(path: tuple[FieldDescriptor, ...]) -> Setter:
    """Return the function that sets, or for a repeated field appends, a text at a field path; it raises Wrong."""
    *outer, leaf = path
    names = [field.name for field in outer]
    name = leaf.name
    if leaf.message_type is not None:
        fill = filler_of(leaf.message_type)

        def assign(message: Message, text: str) -> None:
            fill(getattr(message, name), text)

    elif leaf.is_repeated:
        read = text_reader_of(leaf)

        def assign(message: Message, text: str) -> None:
            getattr(message, name).append(read(text))

    else:
        read = text_reader_of(leaf)

        def assign(message: Message, text: str) -> None:
            setattr(message, name, read(text))

    if not names:
        return assign

    def assign_below(message: Message, text: str) -> None:
        for step in names:
            message = getattr(message, step)
        assign(message, text)

    return assign_below


def field_path(descriptor: Descriptor, path: str) -> tuple[FieldDescriptor, ...]:
    """Return the fields along a dotted path; raise ContractError if it leads nowhere."""
    fields = []
    node: Descriptor | None = descriptor
    for name in path.split("."):
        if node is None or name not in node.fields_by_name:
            raise ContractError(f"{descriptor.full_name} has no field {path}")
        fields.append(node.fields_by_name[name])
        node = fields[-1].message_type
    return tuple(fields)


def query_fields(
    descriptor: Descriptor, bound: set[str], depth: int = 0, *, sealed: bool = False
) -> dict[str, tuple[FieldDescriptor, ...]]:
    """Return the fields that a query string may set, by dotted JSON name: all scalars except sealed and bound ones.

    `sealed`: for a form, which may set sealed ones, and none that only the service sets.
    """
    found: dict[str, tuple[FieldDescriptor, ...]] = {}
    for field in descriptor.fields:
        # Sealed data must not be in a URL: it would appear in every log on the way.
        hidden = is_output_only(field) if sealed else is_input_only(field)
        if (depth == 0 and field.name in bound) or hidden:
            continue
        if field.message_type is None or (field.message_type.full_name in _TEXTUAL and not field.is_repeated):
            found[field.json_name] = (field,)
        elif not field.is_repeated and depth < _DEPTH:
            for name, path in query_fields(field.message_type, bound, depth + 1, sealed=sealed).items():
                found[f"{field.json_name}.{name}"] = (field, *path)
    return {name: path for name, path in found.items() if depth or ".".join(f.name for f in path) not in bound}
