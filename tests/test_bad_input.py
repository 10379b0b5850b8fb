"""Bad input is refused with a reason and the field at fault; it is never an unforeseen fault of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.latlng_pb2 import LatLng
from google.type.money_pb2 import Money
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.stack import Stack
from casework.errors import TEXTS, Reason
from services.kit import paging
from tests.conftest import COUNTY, Clients, request_id
from tests.rpcs import REQUESTS, Answer, Rpc, World, all_rpcs, call, granted, new_report, new_world

GRPCURL = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "grpcurl"
RPCS = {str(rpc): rpc for rpc in all_rpcs()}
every_rpc = pytest.mark.parametrize("rpc", RPCS.values(), ids=str)
YEAR_1, YEAR_9999 = Timestamp(seconds=-62135596800), Timestamp(seconds=253402300799)


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


@pytest.fixture(scope="module", autouse=True)
def no_unforeseen_fault(stack: Stack) -> Iterator[None]:
    """Whatever the tests of this file send, no log of any process may hold an unforeseen fault afterwards."""
    logs = sorted(stack.folder.logs.glob("*.log"))
    assert logs
    before = {path: path.stat().st_size for path in logs}
    yield
    for path in logs:
        told = path.read_bytes()[before[path] :].decode("utf-8", "replace")
        assert "unforeseen fault" not in told, f"{path.name}: {told[-3000:]}"
        assert "Traceback" not in told, f"{path.name}: {told[-3000:]}"


def access(clients: Clients, rpc: Rpc, language: str = "en") -> dict[str, Any]:
    """Return a caller who may call it for any unit."""
    role = min(granted()[rpc.permission] - {"service"})
    return clients.as_(role, "cn", language=language)


async def send(clients: Clients, name: str, request: Any, language: str = "en") -> Answer:
    """Send a message, or bytes, to an RPC by `server.Method`."""
    rpc = RPCS[name]
    data = request if isinstance(request, bytes) else request.SerializePartialToString()
    return await call(clients.channels[rpc.server], rpc.path, data, **access(clients, rpc, language))


def check(answer: Answer, language: str = "en") -> None:
    """Check that a refusal is one that a client can work with."""
    assert answer.code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, answer
    if answer.code is grpc.StatusCode.OK:
        return
    info, told = answer.details["ErrorInfo"], answer.details["LocalizedMessage"]
    reason = Reason(info.reason)
    assert info.domain == "accord"
    assert told.locale == {"zh": "zh-CN", "en": "en-US"}[language]
    assert told.message.startswith(TEXTS[reason].en if language == "en" else TEXTS[reason].zh)
    if answer.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert answer.fields, answer
        assert all(answer.fields), answer


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
    ({"amount": Money(currency_code="USD", units=5)}, "report.amount.currency_code"),
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


NOON = "2026-01-01T12:00:00+00:00"
MARKS: list[list[Any]] = [
    ["x"], [10**30], [-1], [True], [None], [1.5], [[], "a"], [{}, "a"], [NOON], [NOON, 5, 1], [NOON, "a", "x"],
    [NOON, "a", 2**31], [NOON, "a", -1], [NOON, "空"], [NOON, "a\0", 1], ["2026-01-01T00:00:00", "a", 1],
    ["0001-01-01T00:00:00+14:00", "a", 1], ["9999-12-31T23:59:59-14:00", "a"], [NOON, "a", 1, 1],
]  # fmt: skip
KINDS = ("reports", "cases", "tasks", "clocks", "events", "escalations")
TOKENS = [
    "nonsense", "====", "空", "A" * 200, "W10", "WyJyZXBvcnRzIl0",
    *(paging.token(kind, *mark) for kind in KINDS for mark in MARKS),
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [name for name, rpc in RPCS.items() if "page_token" in rpc.method.input_type.fields_by_name]
)
async def test_a_page_token_that_is_not_ours_is_refused(name: str, clients: Clients, world: World) -> None:
    if name == "intake.ListDuplicates":
        return  # has one page; its token is not read
    for token in TOKENS:
        request: Any = REQUESTS[RPCS[name].method.name](world, RPCS[name].server)
        request.page_token = token
        answer = await send(clients, name, request)
        check(answer)
        assert (answer.reason, answer.fields) == ("INVALID_PAGE_TOKEN", ["page_token"]) or (
            len(token) > 200 and answer.fields == ["page_token"]
        ), (token, answer)


STRANGE_NAMES = [
    "",
    "reports/1",
    "cases/620102-2026-000001\n",
    "cases/620102-2026-0000010000",
    "reports/../cases/1",
    "空",
    "\0",
]


@every_rpc
async def test_a_name_that_is_none_is_refused_and_one_that_is_nobodys_is_not_found(
    rpc: Rpc, clients: Clients, world: World
) -> None:
    for field in rpc.method.input_type.fields:
        if field.name not in ("name", "parent", "case", "target", "unit") or field.type != FieldDescriptor.TYPE_STRING:
            continue
        for strange in STRANGE_NAMES:
            request: Any = REQUESTS[rpc.method.name](world, rpc.server)
            setattr(request, field.name, strange)
            answer = await send(clients, str(rpc), request)
            check(answer)
            assert answer.fields == [field.name] or not strange, answer
        if field.name in ("name", "parent"):
            request = REQUESTS[rpc.method.name](world, rpc.server)
            creates = rpc.method.name == "CreateEscalation"  # which cannot know what cases there are
            year = "1950" if creates else "1949"
            value = getattr(request, field.name).replace("2026", year).replace(world.report.receipt_code, "0" * 17)
            if value != "cases/-":
                setattr(request, field.name, value)
                answer = await send(clients, str(rpc), request)
                check(answer)
                assert answer.code is (grpc.StatusCode.OK if creates else grpc.StatusCode.NOT_FOUND)


@every_rpc
async def test_a_stale_etag_is_refused_telling_the_present_one(rpc: Rpc, clients: Clients, world: World) -> None:
    if "etag" not in rpc.method.input_type.fields_by_name:
        return
    for etag in ("999", '"999"', "空", "x" * 5000):
        request: Any = REQUESTS[rpc.method.name](world, rpc.server)
        request.etag = etag
        answer = await send(clients, str(rpc), request)
        check(answer)
        assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        assert answer.details["ErrorInfo"].metadata["etag"].isdigit()


async def test_no_time_of_a_case_lies_beyond_what_timers_can_hold(clients: Clients, world: World) -> None:
    for field in ("receive_time", "due_time"):
        for time in (YEAR_1, YEAR_9999, Timestamp(seconds=2**62), Timestamp(seconds=-(2**62), nanos=2**31 - 1)):
            case = case_pb2.Case(name="cases/620102-2026-999999", grade=1, **{field: time})
            case.unit, case.category = f"units/{COUNTY}", "categories/neighbour"
            request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
            answer = await send(clients, "mediation.CreateCase", request)
            check(answer)
            assert answer.fields == [f"case.{field}"]


async def test_the_subject_of_an_escalation_is_a_name_never_a_text(clients: Clients, world: World) -> None:
    for subject in ("王某某 13800000000", "cases/1", f"{world.case}/tasks/1\n"):
        raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck", subject=subject)
        request = escalation_pb2.CreateEscalationRequest(parent=world.case, escalation=raised, request_id=request_id())
        answer = await send(clients, "escalation.CreateEscalation", request)
        check(answer)
        assert answer.fields == ["escalation.subject"]


async def test_a_message_of_five_megabytes_is_refused(clients: Clients) -> None:
    for name in ("intake.CreateReport", "intake.ImportReports", "mediation.GetCase", "escalation.WatchEvents"):
        rpc = RPCS[name]
        answer = await call(
            clients.channels[rpc.server],
            rpc.path,
            b"\x0a" + b"\xff\xff\xff\x02" + b"x" * 5_500_000,
            **access(clients, rpc),
        )
        assert answer.code in {grpc.StatusCode.RESOURCE_EXHAUSTED}, f"{rpc}: {answer}"


def grpcurl(clients: Clients, server: str, method: str, body: str) -> subprocess.CompletedProcess[str]:
    token = clients.stack.token("supervisor", "cn")
    return subprocess.run(
        [GRPCURL, "-plaintext", "-H", f"authorization: Bearer {token}", "-H", "accept-language: en", "-d", body,
         f"127.0.0.1:{clients.stack.ports[server]}", method],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


async def test_grpcurl_finds_the_services_and_is_told_what_is_wrong(clients: Clients, world: World) -> None:
    if not GRPCURL.exists():
        pytest.skip("grpcurl is not installed in .venv/bin")
    good = grpcurl(
        clients, "mediation", "accord.mediation.v1.MediationService/GetCase", json.dumps({"name": world.case})
    )
    assert json.loads(good.stdout)["name"] == world.case
    wrong = grpcurl(
        clients, "mediation", "accord.mediation.v1.MediationService/ListCases", '{"stages": [77], "pageSize": -3}'
    )
    assert wrong.returncode == 64 + grpc.StatusCode.INVALID_ARGUMENT.value[0]
    for told in ("INVALID_FIELD", "stages[0]", "page_size", "A field of the request is not valid."):
        assert told in wrong.stderr
    unknown = grpcurl(clients, "intake", "accord.intake.v1.IntakeService/Nothing", "{}")
    assert "does not include a method" in unknown.stderr
