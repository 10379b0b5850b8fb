"""Unique words, put into every field of the contracts that holds what people write.

Fields are found in the contracts themselves: a new one is among them by itself, and `EXEMPT` says of each field that
takes no canary why not. All canaries share a stem, so that one search finds any of them, whatever its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from pb.intake.v1 import report_pb2

from tests.rpcs import Rpc, all_rpcs
from tests.test_privacy import forms

STEMS = {"text": "虩虪虭", "number": "139041773"}
NUMBERS = {"phone": "139041773{:02}", "id_number": "620139041773{:06}"}
EXEMPT = {
    r"\.name$": "the resource's own name, set by the service",
    r"\.(etag|page_token|request_id)$": "keys of calls; test_privacy says secrets in them",
    r"\.source_id$": "number of a record in the system it came from",
    r"^(SubmitItems\.items|AttachPhotos\.photos|ReconcileItems\.claimed|ListItems)\.number$": "the same",
    r"^UploadAttachment\.header\.number$": "the same",
    r"^SubmitItems\.items\.urgency$": "a word of a closed list",
    r"^ListReports\.source$|\.category$": "a key of a closed list",
    r"^(Create|Update)Mediator\.mediator\.display_name$": "an official in office; the register is open",
    r"^ImportOfficials\.content$": "a CSV file of what CreateOfficial is told field by field",
    r"^ImportPortableCase\.chunk$": "a signed file: what is in it was told field by field where it was taken out",
    r"^TakeOutCase\.histories\.": "events without a name, signed where they are kept",
    r"^CreateRoom\.": "a room",
    r"^CreateGrid\.|^RecordTraining\.": "a grid, a training: no persons",
    r"^ConfigureHall\.": "a hall: windows and what their queues are for",
    r"\.layer\.": "a calendar",
    r"\.holder$|^RecordStandings\.standings\.": "an account, as the identity provider calls it",
    r"^RecordGridTerms\.terms\.": "an account, as the identity provider calls it",
    r"^Record(Report)?ErasureReach\.reach\.counts\.key$": "a kind of record",
    r"^RecordNotices\.events\.fields\.": "codes and times of an event, as the catalogue has them",
}
ASKED_ONLY = frozenset(
    {
        "FindDuplicates.text", "FindDuplicates.place.address", "FindCasesByPhone.phone",
        "FindCasesByPhone.display_name", "SignInByReceipt.second_factor",
        "SignInByInvitation.second_factor", "SignInByClue.second_factor", "FindSimilar.text", "GetWorklist.query",
        "SearchReports.query", "ListUnits.query",
    }
)  # fmt: skip
"""Searched for, not kept."""


@dataclass(frozen=True)
class Field:
    """A field in which something is told, by its path in a request."""

    rpc: str
    path: tuple[str, ...]
    binary: bool

    def __str__(self) -> str:
        return ".".join((self.rpc, *self.path))


def told_fields(rpc: Rpc) -> list[Field]:
    """Return the fields of an RPC's request that take free text, a number of a person, or a file."""
    found = _walk(rpc.method.input_type, (), frozenset())
    fields = [Field(rpc.method.name, path, binary) for path, binary in found]
    return [each for each in fields if not any(re.search(pattern, str(each)) for pattern in EXEMPT)]


def _walk(message: Descriptor, path: tuple[str, ...], inside: frozenset[str]) -> Iterator[tuple[tuple[str, ...], bool]]:
    for field in message.fields:
        if field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]:
            continue
        inner = field.message_type
        if inner is not None and not inner.full_name.startswith("google.") and inner.full_name not in inside:
            yield from _walk(inner, (*path, field.name), inside | {inner.full_name})
        elif field.type == FieldDescriptor.TYPE_BYTES or (
            field.type == FieldDescriptor.TYPE_STRING and (field.name in NUMBERS or not _is_patterned(field))
        ):
            yield (*path, field.name), field.type == FieldDescriptor.TYPE_BYTES


def _is_patterned(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    string = rules.repeated.items.string if field.is_repeated else rules.string
    return bool(string.pattern)


def all_told_fields() -> set[str]:
    """Return every such field of every RPC of the contracts."""
    return {str(field) for rpc in all_rpcs() for field in told_fields(rpc)}


def canary(field: Field, number: int) -> str:
    """Return a canary that the field takes."""
    made = NUMBERS.get(field.path[-1], STEMS["text"] + "{}")
    return made.format(number)


def put(request: Message, field: Field, word: str) -> bool:
    """Put a canary into a field of a request, wherever it is set; return whether there was a place for it."""
    places: list[Any] = [request]
    for name in field.path[:-1]:
        inner = [getattr(place, name) for place in places if _has(place, name)]
        places = [each for one in inner for each in (one if not isinstance(one, Message) else [one])]
    for place in places:
        known = place.DESCRIPTOR.fields_by_name[field.path[-1]]
        if field.binary:
            setattr(place, known.name, getattr(place, known.name) + word.encode())
        elif known.is_repeated:
            getattr(place, known.name).append(word)
        else:
            setattr(place, known.name, word)
    return bool(places)


def _has(place: Any, name: str) -> bool:
    return bool(place.DESCRIPTOR.fields_by_name[name].is_repeated or place.HasField(name))


def whole_report(report: report_pb2.Report) -> None:
    """Set the parts of a report in which people are named."""
    report.place.area = report.place.area or "620102001"
    report.reporter.SetInParent()
    report.on_behalf.relation = report.on_behalf.relation or 1
    report.minor.age_band = report.minor.age_band or 1
    if not report.parties:
        report.parties.add(role=2, display_name="某")


def over_rest(request: Message, rule: Any) -> tuple[str, str, Any]:
    """Return method, path and body of a request by an HTTP rule of its RPC."""
    method = rule.WhichOneof("pattern")
    body: Any = json_format.MessageToDict(request)
    key = body.pop("requestId", "")

    def taken(match: re.Match[str]) -> str:
        *inside, last = match[1].split(".")
        place = body
        for name in inside:
            place = place[_camel(name)]
        return str(place.pop(_camel(last), ""))

    path = re.sub(r"\{([a-z_.]+)(?:=[^}]*)?\}", taken, getattr(rule, method))
    if rule.body and rule.body != "*":
        body = body.get(_camel(rule.body), {})
    return method, path, {"body": body, "key": key}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class Scanner:
    """Finds stems in data, in every form in which they could lie about there."""

    def __init__(self, stems: dict[str, str]) -> None:
        self._patterns = [(name, form) for name, stem in stems.items() for form in forms(stem)]

    def found(self, data: bytes) -> list[str]:
        """Return what was found, with what stands around it."""
        return [
            f"{name}: {data[max(0, at - 60) : at + 90]!r}"
            for name, form in self._patterns
            if (at := data.find(form)) >= 0
        ]
