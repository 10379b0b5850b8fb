"""Nothing is decided by omission: deciding fields are required, and the refusal names the missing one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from buf.validate import validate_pb2
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from pb.access.v1 import unsaid_pb2
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.keys import ROLES
from tests.conftest import Clients, request_id
from tests.rpcs import Rpc, all_rpcs, call, callers, granted

GRANTED = granted()
Path = tuple[FieldDescriptor, ...]


def option(field: FieldDescriptor, extension: Any) -> Any:
    options: Any = field.GetOptions()
    return options.Extensions[extension]


def http(rpc: Rpc) -> Any:
    options: Any = rpc.method.GetOptions()
    return options.Extensions[annotations_pb2.http]


def fields(message: Descriptor, above: Path = ()) -> Iterator[Path]:
    """Yield the way to every field of a request that the caller sets, nested ones included."""
    for field in message.fields:
        if field_behavior_pb2.OUTPUT_ONLY in option(field, field_behavior_pb2.field_behavior):
            continue
        way = (*above, field)
        yield way
        inner = field.message_type
        if inner and inner.full_name.startswith("accord.") and all(inner is not each.message_type for each in above):
            yield from fields(inner, way)


def is_refused_when_absent(field: FieldDescriptor) -> bool:
    rules = option(field, validate_pb2.field)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return bool(rules.required and field.has_presence)
    only = getattr(rules.enum, "in")
    return bool(rules.required) or 0 in rules.enum.not_in or (bool(only) and 0 not in only)


CHANGING = [rpc for rpc in all_rpcs() if not http(rpc).get]
DECIDING = [
    (rpc, way)
    for rpc in CHANGING
    for way in fields(rpc.method.input_type)
    if way[-1].type == FieldDescriptor.TYPE_BOOL and is_refused_when_absent(way[-1])
]
by_field = pytest.mark.parametrize(
    ("rpc", "way"), DECIDING, ids=lambda each: ".".join(f.name for f in each) if isinstance(each, tuple) else str(each)
)


@pytest.mark.fault("C15")
@pytest.mark.parametrize("rpc", CHANGING, ids=str)
def test_what_a_change_asks_must_be_said_or_the_contract_says_what_silence_means(rpc: Rpc) -> None:
    for way in fields(rpc.method.input_type):
        field = way[-1]
        if field.is_repeated or field.type not in (FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM):
            continue
        told = ".".join(each.name for each in way)
        unsaid = option(field, unsaid_pb2.unsaid)
        assert is_refused_when_absent(field) != bool(unsaid), (
            f"{told}: make it `optional` and required, or say in (accord.access.v1.unsaid) what its absence means"
        )


def with_all_but(message: Message, way: Path) -> bytes:
    """Return a request in which what holds the last field of the way is there, and that field is not."""
    at: Any = message
    for field in way[:-1]:
        held = getattr(at, field.name)
        at = held.add() if field.is_repeated else held
        at.SetInParent()
    return message.SerializeToString()


def access(clients: Clients, rpc: Rpc) -> dict[str, Any]:
    """Return the arguments of a call by somebody who may make it."""
    role = sorted(callers(rpc))[0]
    return clients.as_service() if role == "service" else clients.as_(role, "cn")


@pytest.mark.fault("C15")
@by_field
async def test_what_was_not_said_is_refused_and_named(rpc: Rpc, way: Path, clients: Clients) -> None:
    request = with_all_but(rpc.request_type(), way)
    answer = await call(clients.channels[rpc.server], rpc.path, request, **access(clients, rpc))
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert ".".join(each.name for each in way) in [re.sub(r"\[\d+\]", "", field) for field in answer.fields]


@pytest.mark.fault("C15")
@by_field
async def test_rest_refuses_it_too(rpc: Rpc, way: Path, clients: Clients, rest: httpx.AsyncClient) -> None:
    rule = http(rpc)
    verb = rule.WhichOneof("pattern")
    path = re.sub(r"\{(\w+)(=[^}]*)?\}", lambda found: (found[2] or "=*")[1:], getattr(rule, verb))
    body: Any = {}
    for field in reversed(way[:-1] if rule.body == "*" else way[1:-1]):
        body = {field.json_name: [body] if field.is_repeated else body}
    role = next(role for role in ROLES if role in callers(rpc))
    headers = {"Authorization": f"Bearer {clients.stack.token(role, 'cn')}", "Idempotency-Key": request_id()}
    path = path.replace("*", rpc.server if rule_is_shared(rpc) else "620102-2026-000001")
    answer = await rest.request(verb.upper(), path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD"), answer.text
    named = [re.sub(r"\[\d+\]", "", each["field"]) for each in answer.json()["errors"]]
    assert any(each.endswith((way[-1].json_name, way[-1].name)) for each in named), named


def rule_is_shared(rpc: Rpc) -> bool:
    """Tell whether several services serve it, so that its path begins with whose it is."""
    return rpc.method.containing_service.full_name in {"accord.clock.v1.ClockService", "accord.feed.v1.FeedService"}


@pytest.mark.fault("C15")
async def test_a_correction_leaves_as_it_is_what_it_does_not_name(clients: Clients) -> None:
    report = await clients.file_report(
        "煤气泄漏。", people_affected=40, danger=True, urgency=report_pb2.URGENCY_URGENT, scope=report_pb2.SCOPE_VILLAGE
    )
    correct = intake_pb2.TriageReportRequest(name=report.name, people_affected=50, request_id=request_id())
    after = await clients.intake.TriageReport(correct, **clients.as_("duty_officer", "62"))
    kept = report_pb2.URGENCY_URGENT, report_pb2.SCOPE_VILLAGE
    assert (after.people_affected, after.danger, after.urgency, after.scope) == (50, True, *kept)
    over = intake_pb2.TriageReportRequest(name=report.name, danger=False, request_id=request_id())
    assert not (await clients.intake.TriageReport(over, **clients.as_("duty_officer", "62"))).danger
