"""Who is kept from a case: an account excluded from it neither acts on it nor sees it, in any call, whatever its role;
whoever stands on a side of it, or reported it, acts there as a party alone, and no office of theirs counts.

Checked in one place, for every request (client streams too) and every response: nothing that names such a case by its
number is returned. Machine clients are not checked. A handler marked `by_itself` has it looked up within its own
statement; no call is answered without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from casework.errors import CaseError, Reason
from services.kit.serving.access import NOBODY, PARTIES, Call, Kept, holds_office
from services.kit.serving.tokens import Caller

OF_CASES = ("cases/", "reports/", "links/", "mediation/", "intake/", "escalation/")
"""What stands before the number of a case in a name. Files of supervision have the same numbers under other words."""
_NUMBER = re.compile(
    f"(?:(?<![0-9A-Za-z/-])|{'|'.join(f'(?<={each})' for each in OF_CASES)})"
    "([0-9]{6}-[0-9]{4}-[0-9]{6,9})(?![0-9])"
)
_FILE = re.compile(r"(?<![0-9A-Za-z/-])([a-z][A-Za-z]{1,30}/)([0-9]{6}-[0-9]{4}-[0-9]{6,9})(?![0-9])")
_UNCHECKED = frozenset({"service", "gateway"})
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Finder(Protocol):
    """Finds what an account is kept from, as a `Directory` does."""

    async def kept_from(self, subject: str, numbers: frozenset[str], *, reports: bool) -> Kept: ...

    async def behind(self, files: frozenset[str]) -> frozenset[str]: ...


_BY_ITSELF = "looks_up_by_itself"


def by_itself(handler: Handler) -> Handler:
    """Mark a reading whose own statement finds what its caller is kept from: it calls `look_up` and `admit` first."""
    setattr(handler, _BY_ITSELF, True)
    return handler


def is_by_itself(handler: object) -> bool:
    """Return whether a handler is marked so."""
    return getattr(handler, _BY_ITSELF, False)


async def look_up(call: Call, directory: Finder | None, request: object) -> None:
    """Set at the call which cases the caller is kept from; nearly always none."""
    caller, call.looked_up = call.caller, True
    if directory is None or caller.roles & _UNCHECKED or not caller.subject or caller.matter:
        return
    # An office alone files in the app what others told it; a citizen, in office or not, what is their own.
    reports = bool(caller.roles & PARTIES)
    named = frozenset(_numbers(request)) if isinstance(request, Message) and holds_office(caller) else NOBODY
    kept = call.kept = await directory.kept_from(caller.subject, named, reports=reports)
    if (kept.excluded or kept.own) and isinstance(request, Message) and (files := frozenset(_files(request))):
        call.behind = await directory.behind(files)


def admit(message: object, call: Call) -> None:
    """Raise PERMISSION_DENIED if a message names a case that the caller is excluded from.

    If it names one of their own, they act as a party for the rest of the call: PERMISSION_DENIED if a party may not.
    """
    kept = call.kept
    if not (kept.excluded or kept.own) or not isinstance(message, Message):
        return
    named = call.behind.union(_numbers(message))
    if named & kept.excluded:
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)
    if named & kept.own and holds_office(call.caller):
        call.caller = _as_party(call)
        if not call.access.holds(call.caller, call.permission):
            raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


def leave_out(answer: object, call: Call, request: object) -> None:
    """Remove cases that the caller is kept from from the lists of a response; a response about one is refused."""
    out = call.kept_from
    if not out or not isinstance(answer, Message):
        return
    _strip(answer, out)
    if not isinstance(request, Message) or "request_id" in request.DESCRIPTOR.fields_by_name:
        return
    if call.access.holds(_as_party(call), call.permission):
        # What anybody may read, who has the code for instance, they may read of their own.
        out = call.kept.excluded
    if _names(answer, out):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


def _as_party(call: Call) -> Caller:
    return replace(call.caller, roles=call.caller.roles & PARTIES)


def _strip(message: Message, out: frozenset[str]) -> None:
    """Remove from every list, however deep, the entries that name one of these cases, and nothing around them."""
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE or _is_map(field):
            continue
        if not field.is_repeated:
            _strip(value, out)
            continue
        for index in reversed([index for index, each in enumerate(value) if _names(each, out)]):
            _strip(value[index], out)
            if _names(value[index], out):
                del value[index]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _names(message: Message, numbers: frozenset[str]) -> bool:
    return any(number in numbers for number in _numbers(message))


def _numbers(message: Message) -> Iterator[str]:
    """Iterate over the numbers of cases in every text of a message, at any depth."""
    for text in _texts(message):
        yield from _NUMBER.findall(text)


def _files(message: Message) -> Iterator[str]:
    """Iterate over the numbers of files of supervision in every text of a message: `letters-620102-2026-000003`."""
    for text in _texts(message):
        for collection, number in _FILE.findall(text):
            if collection not in OF_CASES:
                yield collection.replace("/", "-") + number


def _texts(message: Message) -> Iterator[str]:
    """Iterate over every text in a message, at any depth."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from value if field.is_repeated else (value,)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not _is_map(field):
            for each in value if field.is_repeated else (value,):
                yield from _texts(each)
