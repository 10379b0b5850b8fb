"""The catalogue of events: the types of a service, their fields, and the one form in which each is written.

It is read from the contracts: a type is a message in package `accord.<service>.events.v1`, or in that of the clocks.
What is appended is written as its message says, in whatever form it was passed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import structlog
from google.api import resource_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from pb.feed.v1 import feed_pb2
from pydantic_settings import BaseSettings, SettingsConfigDict

from casework.clocks.calendar import LOCAL

log = structlog.get_logger()

IMAGE = Path(__file__).resolve().parents[2] / "gen" / "image.binpb"
_TIME, _DATE = "google.protobuf.Timestamp", "google.type.Date"
_COMMON = feed_pb2.AnyEvent.DESCRIPTOR
"""What any event may contain besides its own fields."""


Writer = Callable[[Any], Any]
Writers = dict[str, Writer]


class EventError(TypeError):
    """An event contains what its contract does not."""


class CatalogueSettings(BaseSettings):
    """Whether an event that differs from its contract is refused, as in tests, or written and reported in the log."""

    model_config = SettingsConfigDict(env_prefix="ACCORD_", frozen=True, extra="ignore")

    strict_events: bool = False


class Catalogue:
    """The types of events of one service."""

    def __init__(self, service: str, *, strict: bool) -> None:
        self.service = service
        self._strict = strict
        self.types: dict[str, Descriptor] = {each.name: each for each in _messages(service)}
        self._of = {
            name: self._writers(name, (*_COMMON.fields, *message.fields)) for name, message in self.types.items()
        }

    def written(self, kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return a payload as it is stored: each field in the one form of its kind, fields without a value left out.

        A type, field or value that is not in the contract is a bug: refused if strict; otherwise the
        fact is stored as well as possible, and the log reports it.
        """
        fields = self._of.get(kind)
        if fields is None:
            self._fault(kind, "", "no such type of event")
        return self._message(kind, fields or {}, payload)

    def _message(self, kind: str, writers: Writers, said: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in said.items():
            if value is None or value == "":
                continue
            try:
                one = writers[name](value)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                self._fault(kind, name, f"{type(value).__name__}: {error}")
                one = plain(value)
            if one is not None:
                found[name] = one
        return found

    def _writers(self, kind: str, fields: Iterable[FieldDescriptor]) -> Writers:
        """Return what writes each field, made once: an import writes a thousand events a second."""
        found: Writers = {}
        for field in fields:
            write = self._writer(kind, field)
            found[field.name] = partial(_list, write) if field.is_repeated else write
        return found

    def _writer(self, kind: str, field: FieldDescriptor) -> Writer:
        of_kind = kind_of(field)
        if field.message_type is not None and of_kind == feed_pb2.EVENT_FIELD_KIND_OBJECT:
            return partial(self._message, kind, self._writers(kind, field.message_type.fields))
        if field.enum_type is not None:
            names = {each.number: each.name for each in field.enum_type.values}
            write = partial(_enum, names, frozenset(names.values()), names[0].removesuffix("UNSPECIFIED"))
            return lru_cache(maxsize=256, typed=True)(write)
        if resource_of(field) == "accord/Clock":
            return partial(_clock, self.service)
        return _WRITE[of_kind]

    def _fault(self, kind: str, field: str, what: str) -> None:
        if self._strict:
            raise EventError(f"{self.service}: {kind}.{field}: {what}")
        log.error("event differs from its contract", type=kind, field=field, what=what)

    def described(self) -> Iterator[feed_pb2.EventType]:
        """Yield every type with its fields, by name, as the contracts describe them."""
        for name, message in sorted(self.types.items()):
            yield feed_pb2.EventType(
                name=f"feeds/{self.service}/eventTypes/{name}",
                type=name,
                schema=message.full_name,
                description=comments()[message.full_name],
                fields=[_field(each) for each in (*message.fields, *_COMMON.fields)],
            )


@lru_cache
def catalogue(service: str) -> Catalogue:
    """Return the catalogue of a service."""
    return Catalogue(service, strict=CatalogueSettings().strict_events)


def kind_of(field: FieldDescriptor) -> feed_pb2.EventFieldKind:
    """Return the kind of a field."""
    if field.enum_type is not None:
        return feed_pb2.EVENT_FIELD_KIND_ENUM
    if field.message_type is not None:
        special = {_TIME: feed_pb2.EVENT_FIELD_KIND_TIME, _DATE: feed_pb2.EVENT_FIELD_KIND_DATE}
        return special.get(field.message_type.full_name, feed_pb2.EVENT_FIELD_KIND_OBJECT)
    if field.type == FieldDescriptor.TYPE_STRING:
        named = {"": feed_pb2.EVENT_FIELD_KIND_TEXT, "accord/Unit": feed_pb2.EVENT_FIELD_KIND_UNIT}
        return named.get(resource_of(field), feed_pb2.EVENT_FIELD_KIND_NAME)
    numbers = {
        FieldDescriptor.TYPE_BOOL: feed_pb2.EVENT_FIELD_KIND_BOOLEAN,
        FieldDescriptor.TYPE_INT32: feed_pb2.EVENT_FIELD_KIND_NUMBER,
        FieldDescriptor.TYPE_INT64: feed_pb2.EVENT_FIELD_KIND_FEN,
    }
    return numbers[field.type]


def resource_of(field: FieldDescriptor) -> str:
    """Return the type of the resource a field names, `*` for any; empty if it is not a name."""
    reference: str = field.GetOptions().Extensions[resource_pb2.resource_reference].type
    return reference


def plain(value: object) -> object:
    """Return a value that no contract describes as JSON, as close to the common forms as possible."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime):
        return _time(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return value if isinstance(value, (bool, int, str)) else str(value)


def _messages(service: str) -> Iterator[Descriptor]:
    for package in (f"pb.{service}.events.v1", "pb.clock.events.v1"):
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if found.name.endswith("_pb2"):
                file = importlib.import_module(f"{package}.{found.name}").DESCRIPTOR
                parts = {
                    field.message_type.full_name
                    for message in file.message_types_by_name.values()
                    for field in message.fields
                    if field.message_type is not None
                }
                yield from (each for each in file.message_types_by_name.values() if each.full_name not in parts)


def _time(value: object) -> str:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    # The second of two hours with the same name equals the first, but has another offset.
    return _local(instant) if instant.fold else _written(instant)


def _local(instant: datetime) -> str:
    return instant.astimezone(LOCAL).isoformat(timespec="microseconds")


_written = lru_cache(maxsize=1024)(_local)


def _date(value: object) -> str:
    if isinstance(value, datetime):
        raise TypeError("an instant, not a day")
    return (value if isinstance(value, date) else date.fromisoformat(_text(value))).isoformat()


def _enum(names: Mapping[int, str], known: frozenset[str], prefix: str, value: object) -> str | None:
    """Return the name of a value as in the contract; None if it is unspecified."""
    if isinstance(value, (Enum, str)):
        said = (value.name if isinstance(value, Enum) else value).upper().replace("-", "_")
        name = said if said in known else prefix + said
        if name not in known:
            raise ValueError(f"{value} is no {prefix.rstrip('_')}")
    else:
        name = names[_number(value)]
    return None if name == names[0] else name


def _clock(service: str, value: object) -> str:
    return _text(value) if _text(value).startswith("clocks/") else f"clocks/{service}/{value}"


def _list(write: Writer, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError("not a list")
    return [write(each) for each in value]


def _unit(value: object) -> str:
    return f"units/{_text(value).removeprefix('units/')}"


def _name(value: object) -> str:
    if "/" not in _text(value):
        raise ValueError("not a resource name")
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return str(value)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a whole number")
    return int(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


_WRITE: dict[feed_pb2.EventFieldKind, Writer] = {
    feed_pb2.EVENT_FIELD_KIND_TIME: _time,
    feed_pb2.EVENT_FIELD_KIND_DATE: _date,
    feed_pb2.EVENT_FIELD_KIND_UNIT: _unit,
    feed_pb2.EVENT_FIELD_KIND_NAME: _name,
    feed_pb2.EVENT_FIELD_KIND_TEXT: _text,
    feed_pb2.EVENT_FIELD_KIND_NUMBER: _number,
    feed_pb2.EVENT_FIELD_KIND_FEN: _number,
    feed_pb2.EVENT_FIELD_KIND_BOOLEAN: _boolean,
}


def _field(field: FieldDescriptor) -> feed_pb2.EventField:
    kind = kind_of(field)
    message = field.message_type
    parts = message.fields if message is not None and kind == feed_pb2.EVENT_FIELD_KIND_OBJECT else ()
    return feed_pb2.EventField(
        field=field.name,
        kind=kind,
        repeated=field.is_repeated,
        enum=field.enum_type.full_name if field.enum_type is not None else "",
        values=[each.name for each in field.enum_type.values if each.number] if field.enum_type is not None else [],
        resource=resource_of(field),
        description=comments()[field.full_name],
        fields=[_field(each) for each in parts],
    )


@lru_cache
def comments() -> dict[str, str]:
    """Return what the contracts say of each message, field, enum, value, service and method, by its full name."""
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(IMAGE.read_bytes()).file:
        for location in file.source_code_info.location:
            if location.leading_comments and (names := _names_at(file, location.path)):
                found[".".join((file.package, *names))] = " ".join(location.leading_comments.split())
    return found


def _names_at(file: FileDescriptorProto, path: Sequence[int]) -> list[str]:
    """Return the names on the way to a place in a file; none if something on it has no name."""
    node: Any = file
    names: list[str] = []
    for number, index in zip(path[::2], path[1::2], strict=False):
        field = node.DESCRIPTOR.fields_by_number.get(number)
        if field is None or not field.is_repeated or field.message_type is None:
            return []
        node = getattr(node, field.name)[index]
        name = getattr(node, "name", "")
        if not isinstance(name, str) or not name:
            return []
        names.append(name)
    return names if len(path) % 2 == 0 else []
