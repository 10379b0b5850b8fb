"""Bad input is refused with a reason and the field at fault; it is never an unforeseen fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.latlng_pb2 import LatLng
from google.type.money_pb2 import Money
from pb.intake.v1 import intake_pb2, report_pb2

from casework.errors import Reason
from tests.conftest import Clients, request_id
from tests.rpcs import all_rpcs, check, send
from tests.world import new_report

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
YEAR_1, YEAR_9999 = Timestamp(seconds=-62135596800), Timestamp(seconds=253402300799)


def times(**told: Timestamp) -> report_pb2.History:
    return report_pb2.History(**told)


BAD_REPORTS: list[tuple[dict[str, Any], str]] = [
    ({"text": "长" * 5001}, "report.text"),
    ({"text": ""}, "report.text"),
    ({"text": "一\0二"}, "report.text"),
    ({"unit": ""}, "report.unit"),
    ({"unit": "units/629999"}, "report.unit"),
    ({"unit": "units/cn"}, "report.unit"),
    ({"unit": "units/620102\n"}, "report.unit"),
    ({"unit": "units/６２０１０２"}, "report.unit"),
    ({"category": "categories/nothing-of-ours"}, "report.category"),
    ({"category": "neighbour"}, "report.category"),
    ({"channel": 0}, "report.channel"),
    ({"channel": 99}, "report.channel"),
    ({"scope": -1}, "report.scope"),
    ({"urgency": 2**31 - 1}, "report.urgency"),
    ({"people_affected": -1}, "report.people_affected"),
    ({"people_affected": 2**31 - 1}, "report.people_affected"),
    ({"amount": Money(currency_code="CNY", units=-5)}, "report.amount"),
    ({"amount": Money(currency_code="CNY", units=2**63 - 1)}, "report.amount"),
    ({"amount": Money(currency_code="CNY", units=1, nanos=-1)}, "report.amount"),
    ({"amount": Money(currency_code="CNY", units=1, nanos=5_000_000)}, "report.amount"),
    ({"amount": Money(currency_code="USD", units=5)}, "report.amount.currency_code"),
    ({"amount": Money(units=5), "amount_fen": 501}, "report.amount_fen"),
    ({"amount_fen": -1}, "report.amount_fen"),
    ({"amount_fen": 10**14 + 1}, "report.amount_fen"),
    ({"place": report_pb2.Place(area="62010")}, "report.place.area"),
    ({"place": report_pb2.Place(area="629999")}, "report.place.area"),
    ({"place": report_pb2.Place(address="街" * 301)}, "report.place.address"),
    ({"place": report_pb2.Place(location=LatLng(latitude=91))}, "report.place.location"),
    ({"place": report_pb2.Place(location=LatLng(longitude=float("nan")))}, "report.place.location"),
    ({"reporter": report_pb2.Reporter(display_name="名" * 101)}, "report.reporter.display_name"),
    ({"reporter": report_pb2.Reporter(phone="+")}, "report.reporter.phone"),
    ({"parties": [report_pb2.Party(role=1, display_name="甲"), report_pb2.Party(role=9, display_name="乙")]},
     "report.parties[1].role"),
    ({"parties": [report_pb2.Party(role=1, display_name="甲")] * 51}, "report.parties"),
    ({"source": "Boston 311"}, "report.source"),
    # What comes by a call of its own: its numbers are taken once, and must not be taken by others before.
    ({"source": "portable-case", "source_id": "0" * 64}, "report.source"),
    ({"source": "partner-620102-hotline", "source_id": "1"}, "report.source"),
    ({"source": "boston311", "source_id": "9" * 81}, "report.source_id"),
    ({"source": "boston311", "source_id": "9\0"}, "report.source_id"),
    ({"receive_time": YEAR_1}, "report.receive_time"),
    ({"receive_time": YEAR_9999}, "report.receive_time"),
    ({"receive_time": Timestamp(seconds=2**63 - 1, nanos=-1)}, "report.receive_time"),
    ({"receive_time": Timestamp(seconds=0)}, "report.receive_time"),
    ({"history": times(due_time=Timestamp(seconds=-(2**63)))}, "report.history.due_time"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "at_fault"), BAD_REPORTS)
async def test_a_bad_report_is_refused_naming_the_field(
    fields: dict[str, Any], at_fault: str, clients: Clients
) -> None:
    request = intake_pb2.CreateReportRequest(report=new_report(**fields), request_id=request_id())
    for language in ("zh", "en"):
        answer = await send(clients, "intake.CreateReport", request, language)
        check(answer, language)
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT, answer
        assert at_fault in answer.fields


@pytest.mark.parametrize(("fields", "at_fault"), BAD_REPORTS)
async def test_a_bad_row_is_refused_and_the_good_ones_beside_it_are_taken(
    fields: dict[str, Any], at_fault: str, clients: Clients
) -> None:
    if set(fields) == {"receive_time"} and fields["receive_time"].seconds == 0:
        return  # an import may tell of 1970
    rows = [
        intake_pb2.ImportRow(row=1, report=new_report(), request_id=request_id()),
        intake_pb2.ImportRow(row=2, report=new_report(**fields), request_id=request_id()),
        intake_pb2.ImportRow(row=3, report=new_report(), request_id=request_id()),
    ]
    answer = await send(clients, "intake.ImportReports", intake_pb2.ImportReportsRequest(rows=rows))
    assert answer.code is grpc.StatusCode.OK, answer
    first, bad, last = intake_pb2.ImportReportsResponse.FromString(answer.messages[0]).results
    assert first.report
    assert last.report
    assert (bad.report, bad.reason in Reason.__members__, bad.row) == ("", True, 2)
    assert at_fault in {bad.field, bad.field.removesuffix(".source_id")}


@pytest.mark.parametrize(
    "given", ["", "short", "with space and more", "x" * 81, "newline-at-end\n", "空" * 20, "nul\0nul\0"]
)
async def test_a_bad_request_id_is_refused(given: str, clients: Clients) -> None:
    answer = await send(
        clients, "intake.CreateReport", intake_pb2.CreateReportRequest(report=new_report(), request_id=given)
    )
    check(answer)
    assert answer.fields
    assert set(answer.fields) == {"request_id"}


def test_an_amount_is_in_fen_and_money_only_stands_beside_it() -> None:
    seen: dict[str, Descriptor] = {}
    waiting = [each for rpc in all_rpcs() for each in (rpc.method.input_type, rpc.method.output_type)]
    while waiting:
        message = waiting.pop()
        if message.full_name not in seen:
            seen[message.full_name] = message
            waiting += [field.message_type for field in message.fields if field.message_type is not None]
    money = [field for each in seen.values() for field in each.fields if field.message_type is Money.DESCRIPTOR]
    assert {each.containing_type.name for each in money} == {"Report", "PartnerItem"}
    for field in money:
        assert field.GetOptions().deprecated
        beside = field.containing_type.fields_by_name[f"{field.name}_fen"]
        assert beside.type == FieldDescriptor.TYPE_INT64


async def test_what_is_unusual_but_good_is_taken_as_it_is(clients: Clients) -> None:
    told = {
        "text": "🏠" * 4999 + "\u202e",
        "reporter": report_pb2.Reporter(display_name="名" * 100, phone="+" + "1" * 15),
        "place": report_pb2.Place(address="🚪'; DROP TABLE reports; --\n\t\u0001",
                                  location=LatLng(latitude=-90, longitude=180)),
        "people_affected": 10_000_000,
        "amount": Money(units=1_000_000_000_000),
        "source": "z", "source_id": "%_\\'\"" + request_id(),
    }  # fmt: skip
    report = await clients.file_report(**told)
    content = await clients.intake.GetReportContent(
        intake_pb2.GetReportContentRequest(name=f"{report.name}/content"), **clients.as_("clerk")
    )
    assert content.text == told["text"]
    assert content.address == told["place"].address
    assert content.reporter == told["reporter"]
    assert report.amount.units == 1_000_000_000_000


async def test_a_number_of_another_system_is_taken_once(clients: Clients) -> None:
    report = new_report(source="paper", source_id=request_id())
    first = await send(
        clients, "intake.CreateReport", intake_pb2.CreateReportRequest(report=report, request_id=request_id())
    )
    assert first.code is grpc.StatusCode.OK
    again = await send(
        clients, "intake.CreateReport", intake_pb2.CreateReportRequest(report=report, request_id=request_id())
    )
    check(again)
    assert (again.code, again.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert again.fields == ["report.source_id"]


def _instants(message: Any, seen: set[str]) -> Iterator[Any]:
    """Yield the instants that go in with a message, at any depth."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.message_type is None or 3 in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]:
            continue
        if field.message_type.full_name == "google.protobuf.Timestamp":
            yield field
        elif field.message_type.full_name.startswith("accord."):
            yield from _instants(field.message_type, seen)


def test_every_instant_that_goes_in_has_bounds() -> None:
    seen: set[str] = set()
    fields = [field for rpc in all_rpcs() for field in _instants(rpc.method.input_type, seen)]
    assert len(fields) > 10
    rules = {each.full_name: each.GetOptions().Extensions[validate_pb2.field] for each in fields}
    unbounded = [
        name for name, rule in rules.items()
        if not (rule.HasField("timestamp") or rule.repeated.items.HasField("timestamp"))
    ]  # fmt: skip
    assert not unbounded, "a year 292,277,026,596 is a timestamp too"
