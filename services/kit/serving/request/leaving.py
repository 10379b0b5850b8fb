"""Texts read outside the case: none may contain a personal number unnoticed.

The contract marks these texts (`accord.access.v1.leaves`); the pipeline of every service scans them before it handles
a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from pb.access.v1 import permission_pb2

from casework.errors import CaseError, FieldFault, Reason
from casework.papers.deidentification import found_in

_LEAVES: Any = permission_pb2.leaves
CONFIRMED = "confirmed_texts"
"""The request field in which the sender names texts whose numbers are not personal."""


def check(request: Message) -> None:
    """Raise PERSONAL_DATA naming each outgoing text with a personal number, unless the sender confirmed it is none."""
    if not reaches(request.DESCRIPTOR):
        return
    confirmed = {_snake(path) for path in getattr(request, CONFIRMED, ())}
    found = [
        (path, kind) for path, text in leaving(request) if path not in confirmed and (kind := found_in(text))
    ]  # fmt: skip
    if found:
        faults = tuple(
            FieldFault(
                path,
                f"含有疑似个人信息（{kind}）；确非个人信息的，在 {CONFIRMED} 中写明本字段后重发。",
                f"seems to contain a person's {kind}; if it does not, name this field in {CONFIRMED} and resend",
            )
            for path, kind in found
        )
        raise CaseError(Reason.PERSONAL_DATA, found[0][1], faults, field=found[0][0])


def leaving(message: Message, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and content of every outgoing text of a message."""
    for field, value in message.ListFields():
        for path, each in _items(field, value, prefix + field.name):
            if isinstance(each, Message):
                if reaches(each.DESCRIPTOR):
                    yield from leaving(each, f"{path}.")
            elif field.GetOptions().Extensions[_LEAVES]:
                yield path, each


@cache
def reaches(message: Descriptor) -> bool:
    """Return whether a message, or one within it, has an outgoing text."""
    return _reaches(message, frozenset())


def _reaches(message: Descriptor, seen: frozenset[str]) -> bool:
    if message.full_name in seen:
        return False
    return any(
        field.GetOptions().Extensions[_LEAVES]
        or (field.message_type is not None and _reaches(field.message_type, seen | {message.full_name}))
        for field in message.fields
    )


def _items(field: FieldDescriptor, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Iterate over the values of a field, each with its path; what `value` is, its descriptor alone knows."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        yield from ((f'{path}["{key}"]', each) for key, each in value.items())
    elif field.is_repeated:
        yield from ((f"{path}[{index}]", each) for index, each in enumerate(value))
    else:
        yield path, value


def _snake(path: str) -> str:
    """Return a path in contract style; REST clients use JSON names."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found[0].lower()}", path)
