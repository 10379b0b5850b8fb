"""Message → JSON object, compiled once per message type: same result as `json_format.MessageToDict`, ten times faster.

Fields without presence are always included, so that a client finds `false`, `0`, `""` and `[]`;
fields with presence are left out if they are not set. INPUT_ONLY fields are never included.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

Convert = Callable[[Any], Any]
_EPOCH = datetime(1970, 1, 1)
_EXACT = 2**53
_INT64 = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
_FLOATS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_WRAPPERS = {f"google.protobuf.{kind}Value" for kind in
             ("Bool", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double", "String", "Bytes")}  # fmt: skip


@cache
def encoder_of(descriptor: Descriptor) -> Convert:
    """Return the function that converts a message of this type to a JSON value."""
    special = _well_known(descriptor)
    return special or _Encoder(descriptor)


def is_input_only(field: FieldDescriptor) -> bool:
    """Return whether the field is never returned."""
    behaviour: Any = field_behavior_pb2.field_behavior
    return field_behavior_pb2.INPUT_ONLY in field.GetOptions().Extensions[behaviour]


class _Encoder:
    """Converts messages of one type to JSON objects."""

    __slots__ = ("_defaults", "_table")

    def __init__(self, descriptor: Descriptor) -> None:
        self._defaults: dict[str, Any] = {}
        self._table: dict[int, tuple[str, Convert | None] | None] = {}
        for field in descriptor.fields:
            if is_input_only(field):
                self._table[field.number] = None
                continue
            if not field.has_presence:
                self._defaults[field.json_name] = _default(field)
            self._table[field.number] = (field.json_name, _converter(field))

    def __call__(self, message: Message) -> dict[str, Any]:
        # The defaults' empty lists and maps are shared: callers only serialize the result.
        result = self._defaults.copy()
        table = self._table
        for field, value in message.ListFields():
            entry = table[field.number]
            if entry is not None:
                name, convert = entry
                result[name] = value if convert is None else convert(value)
        return result


def _default(field: FieldDescriptor) -> object:
    if field.is_repeated:
        return {} if _is_map(field) else []
    convert = _single(field)
    return convert(field.default_value) if convert else field.default_value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _converter(field: FieldDescriptor) -> Convert | None:
    if _is_map(field):
        entry: Any = field.message_type
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        one = _single(value) or (lambda item: item)
        flags: dict[Any, str] = {True: "true", False: "false"}
        name: Convert = flags.__getitem__ if key.cpp_type == FieldDescriptor.CPPTYPE_BOOL else str
        return lambda items: {name(k): one(items[k]) for k in items}
    one_or_none = _single(field)
    if not field.is_repeated:
        return one_or_none
    if one_or_none is None:
        return list
    each = one_or_none
    return lambda items: [each(item) for item in items]


def _single(field: FieldDescriptor) -> Convert | None:
    if field.message_type is not None:
        return _lazy(field.message_type)
    if field.enum_type is not None:
        if field.enum_type.full_name == "google.protobuf.NullValue":
            return lambda _: None
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number, number)
    if field.cpp_type in _INT64:
        return str
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode("ascii")
    if field.cpp_type in _FLOATS:
        return _float32 if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT else _float64
    return None


def _lazy(descriptor: Descriptor) -> Convert:
    """Return the encoder of a type that may contain itself."""
    found: list[Convert] = []

    def convert(message: Message) -> object:
        if not found:
            found.append(encoder_of(descriptor))
        return found[0](message)

    return convert


def _float64(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float32(value: float) -> float | str:
    if not math.isfinite(value):
        return _float64(value)
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("f", struct.pack("f", short))[0] == value:
                return short
        except OverflowError:
            continue
    return value


def timestamp(message: Timestamp) -> str:
    """Return a Timestamp in RFC 3339, in UTC, with as many digits of a second as it needs: 0, 3, 6 or 9."""
    text = (_EPOCH + timedelta(seconds=message.seconds)).isoformat()
    nanos = message.nanos
    if not nanos:
        return text + "Z"
    if nanos % 1_000:
        return f"{text}.{nanos:09d}Z"
    if nanos % 1_000_000:
        return f"{text}.{nanos // 1_000:06d}Z"
    return f"{text}.{nanos // 1_000_000:03d}Z"


def _value(message: Value) -> object:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return _struct(message.struct_value)
    if kind == "list_value":
        return [_value(item) for item in message.list_value.values]
    value = getattr(message, kind)
    # A Struct has no integers; a count must not become `3.0`.
    return int(value) if kind == "number_value" and value.is_integer() and abs(value) < _EXACT else value


def _struct(message: Struct) -> dict[str, Any]:
    fields = message.fields
    return {name: _value(fields[name]) for name in fields}


def _well_known(descriptor: Descriptor) -> Convert | None:
    name = descriptor.full_name
    if name in _WRAPPERS:
        field = descriptor.fields_by_name["value"]
        convert = _single(field)
        return (lambda message: convert(message.value)) if convert else (lambda message: message.value)
    known: dict[str, Convert] = {
        "google.protobuf.Timestamp": timestamp,
        "google.protobuf.Duration": lambda message: message.ToJsonString(),
        "google.protobuf.FieldMask": lambda message: message.ToJsonString(),
        "google.protobuf.Struct": _struct,
        "google.protobuf.Value": _value,
        "google.protobuf.ListValue": lambda message: [_value(item) for item in message.values],
        "google.protobuf.Any": json_format.MessageToDict,
    }
    return known.get(name)
