"""Names, versions, page tokens and times that are not ours are refused with the field at fault."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from pb.escalation.v1 import escalation_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from services.kit.storage import paging
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.rpcs import BY_NAME, Rpc, access, call, check, send
from tests.world import REQUESTS, World, new_world

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
GRPCURL = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "grpcurl"
every_rpc = pytest.mark.parametrize("rpc", BY_NAME.values(), ids=str)
YEAR_1, YEAR_9999 = Timestamp(seconds=-62135596800), Timestamp(seconds=253402300799)


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


NOON = "2026-01-01T12:00:00+00:00"
MARKS: list[list[Any]] = [
    ["x"], [10**30], [-1], [True], [None], [1.5], [[], "a"], [{}, "a"], [NOON], [NOON, 5, 1], [NOON, "a", "x"],
    [NOON, "a", 2**31], [NOON, "a", -1], [NOON, "空"], [NOON, "a\0", 1], ["2026-01-01T00:00:00", "a", 1],
    ["0001-01-01T00:00:00+14:00", "a", 1], ["9999-12-31T23:59:59-14:00", "a"], [NOON, "a", 1, 1],
]  # fmt: skip
KINDS = (
    "reports", "cases", "tasks", "clocks", "events", "escalations", "absences", "holdings", "handovers", "objections",
    "work", "digests", "indicators", "assessments", "register-1", "matters", "matter-evidence", "matter-versions",
    "matter-readings", "letters", "letter-drafts", "units", "reports receive_time desc", "cases open_time desc",
    "clocks due_time", "letters draft_time",
)  # fmt: skip
NONSENSE = ["nonsense", "====", "空", "A" * 200, "W10", "WyJyZXBvcnRzIl0"]


OWN = {
    "GetWorklist": "work", "ListMatterHistory": "matter-versions", "ListRegisterEntries": "register-1",
    "ListReports": "reports receive_time desc", "ListCases": "cases open_time desc", "ListClocks": "clocks due_time",
    "ListLetters": "letters draft_time",
}  # fmt: skip


def tokens_for(method: str) -> list[str]:
    """Return tokens that an RPC must refuse: every mark under its own kind, one under each of the others."""
    own = OWN.get(method) or re.sub(r"(?<!^)(?=[A-Z])", "-", method.removeprefix("List")).lower()
    marks = [(kind, mark) for kind in KINDS for mark in (MARKS if kind == own else MARKS[-1:])]
    return [*NONSENSE, *(paging.token(kind, *mark) for kind, mark in marks)]


@pytest.mark.parametrize(
    "name", [name for name, rpc in BY_NAME.items() if "page_token" in rpc.method.input_type.fields_by_name]
)
async def test_a_page_token_that_is_not_ours_is_refused(name: str, clients: Clients, world: World) -> None:
    if name == "intake.ListDuplicates":
        return  # has one page; its token is not read
    for token in tokens_for(BY_NAME[name].method.name):
        request: Any = REQUESTS[BY_NAME[name].method.name](world, BY_NAME[name].server)
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
            value = getattr(request, field.name).replace("2026", "1949").replace(world.report.receipt_code, "0" * 17)
            value = value.replace(world.meetings["file_receipt"], f"reviewReceipts/{'0' * 17}")
            if value.startswith(("halls/", "grids/", "gridWorkers/", "officials/")):
                value = value.replace(COUNTY, "620199")  # named by their unit
            if value.startswith("notices/"):
                value = "notices/999999999" + value[len("notices/1") :]  # they have a running number of their own
            value = re.sub("^subscriptions/[0-9]+", "subscriptions/999999999", value)
            value = re.sub("^codeLists/.+", "codeLists/intake.Nothing", value)
            if value.startswith("planMigrations/"):
                value = "planMigrations/999999999"  # these too
            if value != "cases/-" and not value.startswith("units/"):  # units are those of test_named.py
                setattr(request, field.name, value)
                answer = await send(clients, str(rpc), request)
                check(answer)
                # What escalation was never told of is erased there already.
                erased = rpc.method.name == "EraseSupervisionData"
                assert answer.code is (grpc.StatusCode.OK if erased else grpc.StatusCode.NOT_FOUND)


@pytest.mark.parametrize(
    "strange", [*STRANGE_NAMES, "cases/-", "cases/620\x1102-2026-000003", "cases/620102-2026-00000\x13"]
)
async def test_a_case_is_opened_under_a_name_that_is_one(strange: str, clients: Clients, world: World) -> None:
    request: Any = REQUESTS["CreateCase"](world, "mediation")
    request.case.name = strange
    answer = await call(
        clients.channels["mediation"], BY_NAME["mediation.CreateCase"].path, request.SerializeToString(),
        **clients.as_service("worker"),
    )  # fmt: skip
    assert answer.fields == ["case.name"], answer


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
        rpc = BY_NAME[name]
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
        capture_output=True, text=True, timeout=PATIENCE,
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


ODD_METADATA: list[tuple[str, str]] = [
    ("accept-language", "en;q=banana,,,;;x-" + "y" * 3000),
    ("traceparent", "00-zz-zz-zz"),
    ("traceparent", "00-00000000000000000000000000000000-0000000000000000-01"),
    ("tracestate", "=" * 2000),
    ("baggage", "%00=%ff"),
]


@pytest.mark.parametrize(("key", "value"), ODD_METADATA)
async def test_odd_metadata_changes_nothing(key: str, value: str, clients: Clients, world: World) -> None:
    caller = clients.as_("clerk")
    rpc, request = BY_NAME["intake.GetReport"], REQUESTS["GetReport"](world, "intake")
    metadata = (caller["metadata"][0], (key, value))
    answer = await call(
        clients.channels["intake"], rpc.path, request.SerializeToString(), metadata=metadata, timeout=PATIENCE
    )
    assert answer.code is grpc.StatusCode.OK, answer
