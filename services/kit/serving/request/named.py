"""One access check: a caller who names a unit, case, report, file or anything in one, in any request field, needs
permission for it.

The field's pattern in the contract determines its type: `^units/…` is a unit, a pattern with a case number is part of a
case or file. So new fields are checked automatically. Fields that may merely mention something are marked in the
contract (`accord.access.v1.mention`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Protocol

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from pb.access.v1 import permission_pb2

from casework import names
from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, FieldFault, Reason, field_error
from services.kit.serving.access import Call, Kept

_RULES: Any = validate_pb2.field
_BEHAVIOUR: Any = field_behavior_pb2.field_behavior
_MENTION: Any = permission_pb2.mention
_NUMBER = "[0-9]{6}-[0-9]{4}-[0-9]{6,9}"
_FILE = re.compile(r"[a-z][a-zA-Z]{1,30}/[0-9]{6}-[0-9]{4}-[0-9]{6,9}(/.*)?")
_ANYTHING = ("a/word-of.any:kind", "a.word")
"""A text matched by patterns that are not for names: the title of a list of holidays is not a unit."""
_OWN = ("name", "parent")
_MASK = "update_mask"
_ASKED_BY_HANDLER = ("case", "cases")
"""Fields of clocks, feeds and worklists, which are there for every case: they show what the caller's scope has."""


class Kind(Enum):
    """What a field names."""

    UNIT = "unit"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Field:
    """A field, however deep in a request, that names something."""

    path: tuple[FieldDescriptor, ...]
    kind: Kind
    pattern: str
    merely: bool
    """Whether naming it gives no access."""

    @property
    def is_own(self) -> bool:
        """Whether it names the subject of the call: the handler decides on that, with all facts of the subject.

        An update names its subject inside the resource itself: `party.name` of one with an `update_mask`.
        """
        first, depth = self.path[0], len(self.path)
        if self.path[-1].name not in _OWN:
            return False
        asked = first.containing_type
        changes = depth == 2 and asked is not None and _MASK in asked.fields_by_name
        return depth == 1 or first.name == "header" or changes

    def __str__(self) -> str:
        return ".".join(each.name for each in self.path)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a request names, and where: `plan.measures[1].unit`."""

    at: str
    value: str
    field: Field


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that exists: the units whose permission covers it, and the unit it complains of."""

    units: tuple[str, ...]
    about: str = ""


class Directory(Protocol):
    """Knows what exists in one service: its own things, and those it was notified of by other services."""

    def is_foreign(self, name: str) -> bool:
        """Return whether the named thing belongs to another service, so that no handler here looks it up."""
        ...

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept:
        """Return the cases that an account is kept from, among them all that have one of these numbers.

        `reports`: whether what the account filed in the app is its own as well.
        """
        ...

    async def behind(self, files: frozenset[str]) -> frozenset[str]:
        """Return the numbers of the cases that these files of supervision are about."""
        ...

    async def terms(self, account: str) -> Sequence[tuple[date, date]]:
        """Return first and last day of every term of an account as a grid worker; none if it is on no roster."""
        ...

    async def find(self, values: frozenset[str]) -> Mapping[str, Found]:
        """Return those of the named things that exist."""
        ...


def kind_of(field: FieldDescriptor) -> tuple[Kind, str] | None:
    """Return what a field names and its pattern; None if it names nothing."""
    if field.type != FieldDescriptor.TYPE_STRING:
        return None
    options = field.GetOptions()
    if field_behavior_pb2.OUTPUT_ONLY in options.Extensions[_BEHAVIOUR]:
        return None
    rules = options.Extensions[_RULES]
    pattern = rules.string.pattern or rules.repeated.items.string.pattern
    if _NUMBER in pattern and not pattern.startswith("^clocks/"):
        return Kind.FILE, pattern
    is_unit = pattern and re.search(pattern, "units/62") and not any(re.search(pattern, each) for each in _ANYTHING)
    return (Kind.UNIT, pattern) if is_unit else None


@cache
def fields_of(message: Descriptor) -> tuple[Field, ...]:
    """Return every field of a request that names something, at any depth; recursive types are not followed."""
    return tuple(_fields(message, (), (message,)))


def _fields(message: Descriptor, above: tuple[FieldDescriptor, ...], seen: tuple[Descriptor, ...]) -> Iterator[Field]:
    for field in message.fields:
        path = (*above, field)
        if field.message_type is not None:
            inner = field.message_type
            is_ours = inner.full_name.startswith("accord.") and not inner.GetOptions().map_entry
            is_output = field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[_BEHAVIOUR]
            if is_ours and not is_output and inner not in seen:
                yield from _fields(inner, path, (*seen, inner))
        elif (found := kind_of(field)) is not None:
            merely = field.GetOptions().Extensions[_MENTION] == permission_pb2.MENTION_KNOWN
            yield Field(path, found[0], found[1], merely)


def references_of(request: Message) -> list[Reference]:
    """Return everything a request names."""
    return [
        Reference(at, value, field)
        for field in fields_of(request.DESCRIPTOR)
        for at, value in _values(request, field.path, "")
        if value
    ]


def _values(message: Message, path: tuple[FieldDescriptor, ...], at: str) -> Iterator[tuple[str, str]]:
    field, rest = path[0], path[1:]
    here = f"{at}{field.name}"
    if field.is_repeated:
        for index, each in enumerate(getattr(message, field.name)):
            yield from _values(each, rest, f"{here}[{index}].") if rest else [(f"{here}[{index}]", each)]
    elif rest:
        if message.HasField(field.name):
            yield from _values(getattr(message, field.name), rest, f"{here}.")
    else:
        yield here, getattr(message, field.name)


def file_of(value: str) -> str:
    """Return the case, report or file that something is in: `cases/X` of `cases/X/parties/3`."""
    return "/".join(value.split("/")[:2])


async def must_be_open(request: Message, call: Call, directory: Directory | None) -> None:
    """Allow the request if the caller has permission for everything it names.

    UNKNOWN_UNIT and NOT_FOUND name the field; PERMISSION_DENIED does not say which. COMPLAINED_OF if a matter would
    go to the unit it is about. A machine client names what the owner of the thing told it; its permissions are in
    the policies.
    """
    if "service" in call.caller.roles:
        return
    references = references_of(request)
    units = [each for each in references if each.field.kind is Kind.UNIT]
    for reference in units:
        _unit(reference, call)
    if directory is None:
        return
    files = [
        each for each in references
        if each.field.kind is Kind.FILE and _FILE.fullmatch(each.value) and str(each.field) not in _ASKED_BY_HANDLER
    ]  # fmt: skip
    asked = [each for each in files if not each.field.is_own or directory.is_foreign(each.value)]
    goes_to = [each for each in units if not each.field.merely] if _is_command(request) else []
    looked_up = frozenset(each.value for each in (files if goes_to else asked))
    if not looked_up:
        return
    found = await directory.find(looked_up)
    own = {file_of(each.value) for each in files if each.field.is_own and not directory.is_foreign(each.value)}
    for each in asked:
        if each.value not in found:
            raise missing(each.at, each.value)
        merely = each.field.merely or file_of(each.value) in own
        if not merely and not _may(call, each.value, found[each.value]):
            raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)
    for thing in found.values():
        for unit in goes_to:
            must_not_judge_itself(thing.about, names.last(unit.value))


def _is_command(request: Message) -> bool:
    return "request_id" in request.DESCRIPTOR.fields_by_name


def _unit(reference: Reference, call: Call) -> None:
    unit = names.last(reference.value)
    if not call.access.knows(unit):
        raise field_error(reference.at, Reason.UNKNOWN_UNIT, unit)
    if not reference.field.merely and not call.access.allows(call.caller, call.permission, unit):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


def _may(call: Call, value: str, found: Found) -> bool:
    """Tell whether the caller has permission for one of the thing's units, or may read such a thing there."""
    either = (call.permission, f"{value.partition('/')[0]}.get")
    return any(call.access.allows(call.caller, each, unit) for unit in found.units for each in either)


def missing(field: str, value: str) -> CaseError:
    """Return the error for a name of something that does not exist."""
    return CaseError(Reason.NOT_FOUND, value, (FieldFault(field, "不存在。", "does not exist"),))


def with_field(error: Exception, request: object) -> Exception:
    """Return a NOT_FOUND with the field that named the missing thing, if the request has it."""
    if not isinstance(error, CaseError) or not isinstance(request, Message):
        return error
    if error.reason is not Reason.NOT_FOUND or error.fields:
        return error
    references = references_of(request)
    named = [each for each in references if error.detail and each.value.startswith(error.detail)]
    first = (named or [each for each in references if each.field.is_own])[:1]
    return missing(first[0].at, error.detail or first[0].value) if first else error
