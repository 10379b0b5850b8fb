"""JSON value → message, compiled once per message type. Names are lowerCamelCase or as in the contract.

Stricter than `json_format`, so that the published schema is exact: enums by name, no `null`, no number in a string
except for 64-bit integers. Errors name the path of the field.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Sized
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, NoReturn

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.gateway.rest.problem import Fault, Problem, refuse, wrong_field
from services.kit.serving.validation import most_items

Read = Callable[[Any], Any]
Fill = Callable[[Any, Any], None]
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))")
_MASK_PATH = re.compile(r"[a-z][A-Za-z0-9_]{0,60}(\.[a-z][A-Za-z0-9_]{0,60}){0,5}")
_CAPITAL = re.compile(r"[A-Z]")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,19})")
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wrong(Exception):
    """A value that does not fit its field; the path is extended while the error propagates."""

    def __init__(self, zh: str, en: str, reason: str = "INVALID_FIELD") -> None:
        super().__init__(en)
        self.zh, self.en, self.reason = zh, en, reason
        self.path: list[str] = []

    def under(self, part: str) -> Wrong:
        """Return the error with one more step at the front of its path."""
        self.path.insert(0, part)
        return self

    def problem(self) -> Problem:
        """Return the 400 that names the field."""
        name = "".join(part if part.startswith("[") else f".{part}" for part in self.path).lstrip(".")
        if self.reason == "UNKNOWN_FIELD":
            return refuse("UNKNOWN_FIELD", Fault(name, self.zh, self.en), name=name)
        return wrong_field(name or "body", self.zh, self.en)


def parse(text: bytes) -> object:
    """Return the JSON value of a body; raise Problem if it is not JSON, or names a member twice."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise refuse("INVALID_UTF8") from None
    except json.JSONDecodeError as error:
        raise refuse("MALFORMED_JSON", row=error.lineno, column=error.colno) from None
    except Wrong as error:
        raise error.problem() from None
    except (RecursionError, ValueError):
        # Nested too deep, or a number of thousands of digits.
        raise refuse("MALFORMED_JSON", row=1, column=1) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Wrong("重复出现。", "Given more than once.").under(name)
            seen.add(name)
    return result


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", "", 0)


@cache
def filler_of(descriptor: Descriptor) -> Fill:
    """Return the function that fills a message of this type from a JSON value; it raises Wrong."""
    special = _well_known(descriptor)
    return special or _object_filler(descriptor)


def _object_filler(descriptor: Descriptor) -> Fill:
    # Filled below, after the cache knows this type: a message may contain itself.
    fillers: dict[str, Fill] = {}
    names: dict[str, str] = {}
    for field in descriptor.fields:
        names[field.name] = names[field.json_name] = field.json_name

    def fill(message: Message, value: object) -> None:
        if not fillers:
            for field in descriptor.fields:
                fillers[field.name] = fillers[field.json_name] = _member(field)
        if type(value) is not dict:
            raise Wrong("应为对象。", "Must be an object.")
        for key, item in value.items():
            one = fillers.get(key)
            if one is None:
                raise Wrong("没有这个字段。", "There is no such field.", "UNKNOWN_FIELD").under(key)
            name = names[key]
            try:
                if name != key and name in value:
                    raise Wrong("重复出现。", "Given more than once.")
                if item is None:
                    raise Wrong("不可为 null，请省略此字段。", "Must not be null: leave it out.")
                one(message, item)
            except Wrong as wrong:
                raise wrong.under(name) from None
            except (TypeError, ValueError):
                # What protobuf itself refuses, such as a lone surrogate in a text.
                raise Wrong("值不正确。", "Not a valid value.").under(name) from None

    return fill


def _member(field: FieldDescriptor) -> Fill:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_member(field)
    if field.is_repeated:
        return _list_member(field)
    oneof = field.containing_oneof.name if field.containing_oneof is not None else ""
    if field.message_type is not None:
        inner = filler_of(field.message_type)

        def fill_message(message: Message, value: object) -> None:
            _only_one(message, oneof)
            target = getattr(message, name)
            target.SetInParent()
            inner(target, value)

        return fill_message
    read = reader_of(field)

    def fill_scalar(message: Message, value: object) -> None:
        if oneof:
            _only_one(message, oneof)
        setattr(message, name, read(value))

    return fill_scalar


def _only_one(message: Message, oneof: str) -> None:
    if oneof and message.WhichOneof(oneof):
        raise Wrong("与另一字段互斥。", "Cannot be given together with another field that is set.")


def _list_member(field: FieldDescriptor) -> Fill:
    name = field.name
    inner = filler_of(field.message_type) if field.message_type is not None else None
    read = reader_of(field) if inner is None else None
    most = most_items(field)

    def fill(message: Message, value: object) -> None:
        if type(value) is not list:
            raise Wrong("应为数组。", "Must be an array.")
        _not_too_many(value, most)
        target = getattr(message, name)
        for index, item in enumerate(value):
            try:
                if inner is not None:
                    inner(target.add(), item)
                elif read is not None:
                    target.append(read(item))
            except Wrong as wrong:
                raise wrong.under(f"[{index}]") from None

    return fill


def _not_too_many(value: Sized, most: int) -> None:
    if len(value) > most:
        raise Wrong(f"最多 {most} 项。", f"At most {most} items.")


def _map_member(field: FieldDescriptor) -> Fill:
    name = field.name
    entry: Any = field.message_type
    key_of = text_reader_of(entry.fields_by_name["key"])
    value_field: FieldDescriptor = entry.fields_by_name["value"]
    inner = filler_of(value_field.message_type) if value_field.message_type is not None else None
    read = reader_of(value_field) if inner is None else None
    most = most_items(field)

    def fill(message: Message, value: object) -> None:
        if type(value) is not dict:
            raise Wrong("应为对象。", "Must be an object.")
        _not_too_many(value, most)
        target = getattr(message, name)
        for key, item in value.items():
            try:
                if inner is not None:
                    inner(target[key_of(key)], item)
                elif read is not None:
                    target[key_of(key)] = read(item)
            except Wrong as wrong:
                raise wrong.under(f'["{key}"]') from None

    return fill


@cache
def reader_of(field: FieldDescriptor) -> Read:
    """Return the function that makes a JSON value the Python value of a scalar field; it raises Wrong."""
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if field.cpp_type in _RANGES:
        return _integer_reader(field.cpp_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _bool
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _number
    return _bytes if field.type == FieldDescriptor.TYPE_BYTES else _string


@cache
def text_reader_of(field: FieldDescriptor) -> Read:
    """Return the function that makes a text, from a path, query or map key, the value of a scalar field."""
    read = reader_of(field)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda text: read({"true": True, "false": False}.get(text, text))
    if field.cpp_type in _RANGES:
        return lambda text: read(int(text) if _INTEGER.fullmatch(text) else text)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return lambda text: read(_float_of(text))
    return read


def _float_of(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _enum_reader(enum: EnumDescriptor) -> Read:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}
    known = ", ".join(numbers)

    def read(value: object) -> int:
        number = numbers.get(value) if type(value) is str else None
        if number is None:
            raise Wrong(f"应为以下之一：{known}。", f"Must be one of {known}.")
        return number

    return read


def _integer_reader(kind: int) -> Read:
    low, high = _RANGES[kind]
    quoted = kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)

    def read(value: object) -> int:
        if type(value) is str and quoted and _INTEGER.fullmatch(value):
            value = int(value)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Wrong("应为整数。", "Must be an integer.")
        if not low <= value <= high:
            raise Wrong(f"应在 {low} 与 {high} 之间。", f"Must be between {low} and {high}.")
        return value

    return read


def _bool(value: object) -> bool:
    if type(value) is not bool:
        raise Wrong("应为 true 或 false。", "Must be true or false.")
    return value


def _number(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise Wrong("应为数字。", "Must be a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Wrong("数字过大。", "The number is too large.")
    return number


def _string(value: object) -> str:
    if type(value) is not str:
        raise Wrong("应为字符串。", "Must be a string.")
    return value


def _bytes(value: object) -> bytes:
    text = _string(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("应为 base64。", "Must be base64.") from None


def fill_timestamp(message: Timestamp, value: object) -> None:
    """Set a Timestamp from RFC 3339; any offset is accepted."""
    match = _TIME.fullmatch(value) if type(value) is str else None
    try:
        if match is None:
            raise ValueError
        date, time, fraction, sign, hours, minutes = match.groups()
        zone: timezone = UTC
        if sign:
            zone = timezone(timedelta(hours=int(hours), minutes=int(minutes)) * (1 if sign == "+" else -1))
        passed = datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=zone) - _EPOCH
        seconds = passed.days * 86400 + passed.seconds
        if not -62135596800 <= seconds <= 253402300799:
            raise ValueError
    except ValueError:
        raise Wrong("应为 RFC 3339 时间，如 2026-03-01T08:00:00+08:00。",
                    "Must be an RFC 3339 time such as 2026-03-01T08:00:00Z.") from None  # fmt: skip
    message.seconds = seconds
    message.nanos = int(fraction.ljust(9, "0")) if fraction else 0


def _from_json_string(message: Duration, value: object) -> None:
    message.FromJsonString(_string(value))


def _fill_mask(message: FieldMask, value: object) -> None:
    """Set a mask of field names in JSON or contract style."""
    for path in filter(None, (part.strip() for part in _string(value).split(","))):
        if not (path == "*" or _MASK_PATH.fullmatch(path)):
            raise Wrong("应为字段名，以逗号分隔。", "Must be names of fields, separated by commas.")
        message.paths.append(_CAPITAL.sub(lambda match: "_" + match[0].lower(), path))


def _generic(message: Message, value: Any) -> None:
    """Fill a Struct, a Value or the like, which take JSON of any shape."""
    try:
        json_format.ParseDict(value, message)
    except json_format.ParseError:
        raise Wrong("值不正确。", "Not a valid value.") from None


def _well_known(descriptor: Descriptor) -> Fill | None:
    name = descriptor.full_name
    if not name.startswith("google.protobuf."):
        return None
    if name == "google.protobuf.Timestamp":
        return fill_timestamp
    if name == "google.protobuf.FieldMask":
        return _fill_mask
    if name == "google.protobuf.Duration":
        return _from_json_string
    return _generic
