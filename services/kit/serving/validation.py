"""Validates requests against the rules in their contract (protovalidate)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from casework.errors import FieldFault
from casework.saying import says_something
from services.kit.serving.errors import invalid
from services.kit.serving.masks import is_changed, masked, replaces_all, resource_of

_RULES: Any = validate_pb2.field
_ZH = {
    "required": "必须填写。",
    "string.pattern": "格式不正确。",
    "string.max_len": "太长。",
    "string.min_len": "太短或为空。",
    "enum.defined_only": "没有这个选项。",
    "enum.not_in": "必须选择。",
    "timestamp.gte_lt": "时间应在 1900 年与 2200 年之间。",
    "repeated.max_items": "项目太多。",
    "repeated.min_items": "至少要有一项。",
}


NO_WORDS = {"update_mask", "page_token"}
"""Texts with names or service-made values; their own checks report errors."""
_BARE = frozenset({bool, int, float, bytes})
"""Kinds of values in which no text is."""
_MOST = 1_000
"""Default maximum of items for a list without its own limit, including lists only in responses."""


def faults_of(message: Message, prefix: str = "") -> list[FieldFault]:
    """Return what is wrong with a message's fields; empty if nothing is. `prefix` goes in front of each path."""
    # Counted before anything is examined: each item is examined in turn, and two bytes can make one.
    plain = _is_plain(message)
    if not plain and (crowded := next(_crowded(message), None)):
        path, most = crowded
        return [FieldFault(prefix + path, _ZH["repeated.max_items"], f"must contain no more than {most} items")]
    violations = protovalidate.collect_violations(message)
    if plain and not violations:
        return []
    faults = [
        FieldFault(
            prefix + _path(violation.proto.field),
            _ZH.get(violation.proto.rule_id, "不符合要求。"),
            violation.proto.message,
        )
        for violation in violations
    ]
    known = {fault.field for fault in faults}
    paths = [prefix + path for path, text in _texts(message) if text and not says_something(text)]
    faults += [FieldFault(path, "没有内容。", "says nothing") for path in paths if path not in known]
    if resource := resource_of(cast("Descriptor", message.DESCRIPTOR)):
        # An update names what it changes; fields left out already exist and need not be repeated.
        changed = {field.name for field in resource.message_type.fields if is_changed(field)} & masked(message)
        said = {f"{prefix}{resource.name}.{path}" for path in ({"name", "etag"} | changed)}
        inside = f"{prefix}{resource.name}."
        whole = replaces_all(message)
        faults = [
            each for each in faults
            if not each.field.startswith(inside)
            or (_first(each.field, inside) in said and (whole or not _is_left_out(message, each.field[len(prefix):])))
        ]  # fmt: skip
    # PostgreSQL text cannot contain NUL. Few messages have a zero byte at all, and only those are searched.
    if b"\0" in message.SerializePartialToString():
        known = {fault.field for fault in faults}
        paths = [prefix + path for path, text in _texts(message) if "\0" in text]
        faults += [FieldFault(path, "含有空字符。", "contains a NUL character") for path in paths if path not in known]
    return faults


def _is_plain(message: Message) -> bool:
    """Return whether a message certainly has no crowded list, no blank text and no NUL, as most do.

    One pass without paths instead of several with them: an import examines thousands of messages a second.
    """
    for field, value in message.ListFields():
        kind = type(value)
        if kind is str:
            if "\0" in value or not says_something(value):
                return False
        elif kind in _BARE:
            continue
        elif not field.is_repeated:
            if not _is_plain(value):
                return False
        elif len(value) > most_items(field) or _is_map(field) or not _are_plain(field, value):
            return False
    return True


def _are_plain(field: FieldDescriptor, values: Iterable[Any]) -> bool:
    if field.message_type is not None:
        return all(map(_is_plain, values))
    return field.type != field.TYPE_STRING or all("\0" not in each and says_something(each) for each in values)


@cache
def most_items(field: FieldDescriptor) -> int:
    """Return how many items a list or map of a request may have."""
    rules = field.GetOptions().Extensions[_RULES]
    return int(rules.repeated.max_items or rules.map.max_pairs or _MOST)


@cache
def _is_left(field: FieldDescriptor) -> bool:
    """Return whether the contract leaves a field to a separate check."""
    return bool(field.GetOptions().Extensions[_RULES].ignore == validate_pb2.IGNORE_ALWAYS)


@cache
def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


@cache
def _holds_text(field: FieldDescriptor) -> bool:
    """Return whether a field is, or may contain, a text that must not be blank."""
    may = field.message_type is not None or field.type == field.TYPE_STRING
    return may and not _is_left(field) and field.name not in NO_WORDS


def _crowded(message: Message) -> Iterator[tuple[str, int]]:
    """Yield the path of each list with too many items, and its maximum."""
    for field, value in message.ListFields():
        if _is_left(field):
            continue
        if field.is_repeated:
            if len(value) > most_items(field):
                yield field.name, most_items(field)
            elif field.message_type is not None and not _is_map(field):
                for index, item in enumerate(value):
                    yield from ((f"{field.name}[{index}].{path}", most) for path, most in _crowded(item))
        elif field.message_type is not None:
            yield from ((f"{field.name}.{path}", most) for path, most in _crowded(value))


def check(message: Message) -> None:
    """Raise INVALID_FIELD naming every field of the request that violates its contract."""
    if faults := faults_of(message):
        raise invalid(faults)


def must_say(message: Message, field: str, path: str = "") -> None:
    """Raise INVALID_FIELD if a field that this call needs is missing; `path` names a nested one."""
    if not message.HasField(field):
        raise invalid([FieldFault(path or field, _ZH["required"], "value is required")])


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """Yield path and text of every filled text field, except those the contract leaves to a separate check."""
    for field, value in message.ListFields():
        if not _holds_text(field):
            continue
        if _is_map(field):
            items = [(f'{field.name}["{key}"]', part) for key, each in value.items() for part in (key, each)]
        elif field.is_repeated:
            items = [(f"{field.name}[{index}]", each) for index, each in enumerate(value)]
        else:
            items = [(field.name, value)]
        for path, item in items:
            if isinstance(item, Message):
                yield from ((f"{path}.{inner}", text) for inner, text in _texts(item))
            elif isinstance(item, str):
                yield path, item


def _is_left_out(request: Message, path: str) -> bool:
    """Return whether a field of a message within a resource is not set: an update keeps the existing value."""
    if "[" in path or path.count(".") < 2:
        return False
    *way, last = path.split(".")
    message: Any = request
    for step in way:
        message = getattr(message, step)
    return last not in {field.name for field, _ in message.ListFields()}


def _first(path: str, inside: str) -> str:
    """Return the path of the resource field at fault."""
    return inside + re.split(r"[.\[]", path.removeprefix(inside), maxsplit=1)[0]


def _path(field: protovalidate.FieldPathPb | None) -> str:
    if field is None:
        return ""
    parts: list[str] = []
    for element in field.elements:
        subscript = element.subscript
        parts.append(f"{element.field_name}[{subscript.value}]" if subscript is not None else element.field_name)
    return ".".join(parts)
