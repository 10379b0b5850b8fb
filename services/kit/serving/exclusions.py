"""Exclusions: an account excluded from a case can neither act on it nor see it, in any call, whatever its role.

Checked in one place, for every request (client streams too) and every response: nothing that names the case by its
number is returned. Machine clients are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from casework.errors import CaseError, Reason
from services.kit.serving.access import Call
from services.kit.serving.named import Directory

_NUMBER = re.compile(r"(?<![0-9-])[0-9]{6}-[0-9]{4}-[0-9]{6,9}(?![0-9])")
NOBODY: frozenset[str] = frozenset()
_UNCHECKED = frozenset({"service", "gateway"})


async def of(call: Call, directory: Directory | None) -> frozenset[str]:
    """Return the numbers of the cases that the caller is excluded from; nearly always none."""
    caller = call.caller
    if directory is None or caller.roles & _UNCHECKED or not caller.subject or caller.matter:
        return NOBODY
    return await directory.excluded(caller.subject)


def must_be_none(message: object, excluded: frozenset[str], call: Call) -> None:
    """Raise PERMISSION_DENIED if a message names a case that the caller is excluded from."""
    if excluded and isinstance(message, Message) and _names(message, excluded):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


def leave_out(answer: object, excluded: frozenset[str], call: Call, request: object) -> None:
    """Remove such cases from the lists of a response; a response about one of them is refused."""
    if not excluded or not isinstance(answer, Message):
        return
    for field, value in answer.ListFields():
        if field.is_repeated and field.type == FieldDescriptor.TYPE_MESSAGE and not _is_map(field):
            for index in reversed([index for index, each in enumerate(value) if _names(each, excluded)]):
                del value[index]
    if isinstance(request, Message) and "request_id" not in request.DESCRIPTOR.fields_by_name:
        must_be_none(answer, excluded, call)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _names(message: Message, excluded: frozenset[str]) -> bool:
    return any(number in excluded for text in _texts(message) for number in _NUMBER.findall(text))


def _texts(message: Message) -> Iterator[str]:
    """Iterate over every text in a message, at any depth."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from value if field.is_repeated else (value,)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not _is_map(field):
            for each in value if field.is_repeated else (value,):
                yield from _texts(each)
