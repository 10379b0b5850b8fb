"""What people write in any field of any RPC is nowhere in plain text: no file, log, trace, metric or table.

After good calls, refused ones and the same over REST, with documents written from it all. See `tests.canaries`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from google.api import annotations_pb2
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import documents_pb2

from accord.embedded.stack import Stack
from tests.canaries import (
    ASKED_ONLY,
    STEMS,
    Scanner,
    all_told_fields,
    canary,
    over_rest,
    put,
    told_fields,
    whole_report,
)
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import mediated
from tests.patience import CALL
from tests.rpcs import Answer, Rpc, all_rpcs, as_role, call, check, people
from tests.scratch import Scratch
from tests.test_access import right_unit
from tests.traced import written
from tests.world import REQUESTS, World, new_world

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
TRACE = "5bf92f3577b34da6a3ce929d0e0e4737"
SEEN = {"temporal", "spans.jsonl", "mediation.log", "gateway.log", "worker.log", "relay.log", "intake.log", "files"}
"""Parts of names of files that must be among those searched."""


@dataclass
class Told:
    """What was told to the services, and by which fields they took it."""

    clients: Clients
    world: World
    under_way: str
    """A case in mediation, for what the world's own case has behind it."""
    declinable: str
    """A report that is declined, and that nothing else is about."""
    taken: set[str] = field(default_factory=set)
    by_rest: set[str] = field(default_factory=set)
    number: int = 0

    def request(self, rpc: Rpc) -> tuple[Any, list[str]]:
        """Return a good request with canaries in all of its fields, and which fields those are."""
        request: Any = REQUESTS[rpc.method.name](self.world, rpc.server)
        name = rpc.method.name
        if name in ("CreateReport", "FileReport"):
            whole_report(request.report)
        if name == "ImportReports":
            whole_report(request.rows[0].report)
        if name == "FindDuplicates":
            request.place.area = "620102001"
        if name == "MoveLevel":  # the county raises one of its own
            request.name, request.level, request.keeper = self.world.ledger.graded, 2, ""
        if name == "DeclineReport":  # not the report that others are about
            request.name = self.declinable
        if name == "DraftAgreement":
            self._under_way(request)
        filled = []
        for each in told_fields(rpc):
            self.number = (self.number + 1) % 90
            if put(request, each, canary(each, self.number)):
                filled.append(str(each))
        return request, filled

    def _under_way(self, request: Any) -> None:
        request.parent = self.under_way
        for clause in request.agreement.clauses:
            clause.performer, clause.beneficiary = (f"{self.under_way}/parties/{party}" for party in (2, 1))
        request.agreement.statement.SetInParent()

    async def send(self, rpc: Rpc, request: Any, role: str, unit: str = COUNTY) -> Answer:
        """Send a request in a role, traced, under a request id of its own."""
        access = as_role(self.clients, role, unit)
        access["metadata"] = (*access["metadata"], ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"))
        fresh(request)
        return await call(self.clients.channels[rpc.server], rpc.path, request.SerializePartialToString(), **access)


def fresh(request: Any) -> None:
    """Give a request, and the rows in it, request ids of their own."""
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = request_id()
    header = request.DESCRIPTOR.fields_by_name.get("header")
    if header is not None and "request_id" in header.message_type.fields_by_name:
        request.header.request_id = request_id()
    for row in getattr(request, "rows", []):
        row.request_id = request_id()


@pytest.fixture(scope="module")
async def told(clients: Clients) -> Told:
    """Tell canaries through every field there is: taken, refused, and over REST; then look at everything."""
    case, report = await mediated(clients, "labour"), await clients.file_report()
    found = Told(clients, await new_world(clients), case.name, report.name)
    # A task is reported once it is signed for.
    await clients.mediation.SignTask(REQUESTS["SignTask"](found.world, "mediation"), **clients.as_("handler"))
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    async with httpx.AsyncClient(base_url=clients.stack.urls["api"], headers=headers, timeout=CALL) as rest:
        for rpc in all_rpcs():
            if told_fields(rpc):
                await tell(found, rpc)
                await tell_over_rest(found, rpc, rest)
    await look(found)
    await written(clients)
    return found


async def tell(told: Told, rpc: Rpc) -> None:
    """Send canaries in every role that may, and in ways that are refused."""
    request, filled = told.request(rpc)
    for role in people(rpc):
        answer = await told.send(rpc, request, role, right_unit(rpc))
        check(answer)
        if taken(rpc, answer):
            told.taken |= set(filled)
    check(await told.send(rpc, request, "clerk", "620103"))
    for each in told_fields(rpc):
        if not each.binary:
            put(request, each, canary(each, 1) + "\0")
    answer = await told.send(rpc, request, people(rpc)[0])
    check(answer)
    assert all(each.binary for each in told_fields(rpc)) or not taken(rpc, answer), rpc


def taken(rpc: Rpc, answer: Answer) -> bool:
    """Return whether a request was done; of an import, its row."""
    if rpc.method.name == "ImportReports" and answer.messages:
        return not intake_pb2.ImportReportsResponse.FromString(answer.messages[0]).results[0].reason
    return answer.code is grpc.StatusCode.OK


async def tell_over_rest(told: Told, rpc: Rpc, rest: httpx.AsyncClient) -> None:
    """Send the same through the gateway: good, with a field that is none, and where it does not belong."""
    rule = rpc.method.GetOptions().Extensions[annotations_pb2.http]  # type: ignore[index]
    request, _ = told.request(rpc)
    fresh(request)
    if not rule.WhichOneof("pattern") or rpc.method.client_streaming:
        return
    method, path, parts = over_rest(request, rule)
    role = people(rpc)[0]
    if role == "service":
        return  # no machine client comes over REST
    token = told.clients.stack.token(role, COUNTY)
    word = STEMS["text"]
    for body in (parts["body"], {**parts["body"], word: word}, {"text": [word]}):
        key = {"Authorization": f"Bearer {token}", "Idempotency-Key": request_id()}
        answer = await rest.request(method.upper(), path, json=body, headers=key)
        assert answer.status_code < 500, answer.text
        if answer.status_code == 200:
            told.by_rest.add(rpc.method.name)
    answer = await rest.request(method.upper(), f"{path}/{word}?{word}={word}", json={}, headers=key)
    assert 400 <= answer.status_code < 500


async def look(told: Told) -> None:
    """Write documents of what was told, and ask everything that answers without changing anything."""
    for case in (told.world.case, told.under_way):
        for form in documents_pb2.DocumentForm.values()[1:]:
            request = documents_pb2.GenerateDocumentRequest(parent=case, form=form, request_id=request_id())
            await quietly(told.clients.documents.GenerateDocument(request, **told.clients.as_("mediator")))
        dossier = documents_pb2.GetDossierRequest(name=f"{case}/dossier")
        await quietly(told.clients.documents.GetDossier(dossier, **told.clients.as_("mediator")))
    for rpc in all_rpcs():
        asks = rpc.method.name.startswith(("Get", "List", "Read", "Unmask", "Find", "Check", "Download"))
        if asks:
            for role in people(rpc):
                request: Message = REQUESTS[rpc.method.name](told.world, rpc.server)
                check(await told.send(rpc, request, role))


async def quietly(answer: Any) -> None:
    """Wait for an answer that may be a refusal; an unforeseen fault would be in the logs."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await answer


def test_every_field_in_which_something_is_told_is_told_something(told: Told) -> None:
    fields = all_told_fields()
    assert len(fields) >= 60
    assert fields - told.taken - ASKED_ONLY == set()
    assert len(told.by_rest) >= 12, told.by_rest


def files(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the stack, but for its keys."""
    root = stack.folder.root
    for path in root.rglob("*"):
        if path.is_file() and not path.is_relative_to(stack.folder.keys):
            try:
                yield str(path.relative_to(root)), path.read_bytes()
            except OSError:
                continue  # PostgreSQL recycles its files


async def dump(stack: Stack) -> dict[str, bytes]:
    """Return every table of every schema as PostgreSQL copies it out: as text, and in its binary form."""
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = {}
        for schema, table in tables:
            for kind in ("text", "binary"):
                out = io.BytesIO()
                await connection.copy_from_table(table, schema_name=schema, output=out, format=kind)
                found[f"{schema}.{table} as {kind}"] = out.getvalue()
        return found
    finally:
        await connection.close()


async def pages(stack: Stack) -> dict[str, bytes]:
    """Return the metrics of every process."""
    ports = {name: port for name, port in stack.ports.items() if name.endswith("_metrics")}
    async with httpx.AsyncClient(timeout=CALL) as client:
        return {name: (await client.get(f"http://127.0.0.1:{port}/metrics")).content for name, port in ports.items()}


async def test_no_canary_is_in_any_file_log_or_trace(stack: Stack, told: Told) -> None:
    scanner, names, traced, engine = Scanner(STEMS), list[str](), False, set[str]()
    for name, data in files(stack):
        names.append(name)
        traced = traced or (name.endswith("spans.jsonl") and TRACE.encode() in data)
        if told.world.case.split("/")[1].encode() in data:
            engine.add(Path(name).name)
        assert not scanner.found(data), (name, scanner.found(data))
    assert traced
    assert all(any(part in name for name in names) for part in SEEN), sorted(names)
    # The search does find what is there: the case's number, in Temporal's own files.
    assert engine & {"temporal.db", "temporal.db-wal"}, engine


async def test_no_canary_is_in_a_dump_of_the_database(stack: Stack, told: Told) -> None:
    scanner, tables = Scanner(STEMS), await dump(stack)
    schemas = {name.split(".")[0] for name in tables}
    assert {"intake", "mediation", "escalation"} <= schemas
    assert {name: scanner.found(data) for name, data in tables.items() if scanner.found(data)} == {}
    full = ("parties", "companions", "consents", "screenings", "alerts", "session_records", "caucus_notes", "evidence",
            "caucus_offers", "agreements", "fact_sheets", "closing_views", "visits", "documents")  # fmt: skip
    for table in full:
        assert len(tables[f"mediation.{table} as text"]) > 50, table
    for table in ("review_replies", "review_appeals", "meetings", "meeting_decisions", "matters", "matter_assignments",
                  "matter_progress", "matter_evidence", "matter_versions", "letter_texts"):  # fmt: skip
        assert len(tables[f"escalation.{table} as text"]) > 50, table


async def test_no_canary_is_in_any_metric(stack: Stack, told: Told) -> None:
    scanner, found = Scanner(STEMS), await pages(stack)
    assert {name: scanner.found(data) for name, data in found.items() if scanner.found(data)} == {}
    assert all(len(data) > 500 for data in found.values())
    assert len(found) >= 7


async def test_a_canary_that_is_put_there_on_purpose_is_found(stack: Stack, tmp_path: Path) -> None:
    own = {"text": "麤鱻龘", "number": "139041774"}  # not those of the tests above
    scanner = Scanner(own)
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        await connection.execute("CREATE TABLE public.scratch_of_a_test (word text, bytes bytea, told jsonb)")
        insert = "INSERT INTO public.scratch_of_a_test VALUES ($1, $2, $3)"
        for row in (("在这里麤鱻龘。", None, None), (None, "电话13904177412".encode(), None),
                    (None, None, '{"a": "\\u9ea4\\u9c7b\\u9f98"}')):  # fmt: skip
            await connection.execute("TRUNCATE public.scratch_of_a_test")
            await connection.execute(insert, *row)
            tables = await dump(stack)
            found = {name for name, data in tables.items() if scanner.found(data)}
            assert {f"public.scratch_of_a_test as {kind}" for kind in ("text", "binary")} == found, row
    finally:
        await connection.execute("DROP TABLE IF EXISTS public.scratch_of_a_test")
        await connection.close()
    planted = stack.folder.logs / "planted.log"
    planted.write_text("会见麤鱻龘", "utf-8")
    try:
        found = {name for name, data in files(stack) if scanner.found(data)}
        assert str(planted.relative_to(stack.folder.root)) in found
    finally:
        planted.unlink()
    assert not scanner.found(b"nothing of it")
