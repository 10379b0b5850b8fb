"""What people tell stays sealed: after the whole life of a case it is in no file, log, trace, metric or table."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import documents_pb2, mediation_pb2

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.patience import CALL
from tests.traced import written
from tests.world import new_report

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
SECRETS = {
    "reporter": "欧阳试鱼儿",
    "phone": "13977665544",
    "party": "司徒杜撰记",
    "party's phone": "18611223399",
    "text": "鹦鹉每晚背诵我家存折密码",
    "latin text": "Zyxwvutski",
    "address": "子虚路乌有巷四千零七号",
}


def forms(secret: str) -> Iterator[bytes]:
    """Yield every form in which a text could lie about: plain, escaped as JSON, hexadecimal, base64 at any offset."""
    plain = secret.encode()
    yield plain
    yield secret.encode("utf-16-le")
    if not secret.isascii():
        yield json.dumps(secret).strip('"').encode()
    yield plain.hex().encode()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + plain)
        yield whole[4 if offset else 0 :].rstrip(b"=")[:-1]


def told(word: str) -> report_pb2.Report:
    """Return a report that holds every secret."""
    return new_report(
        text=f"{SECRETS['text']}，{SECRETS['latin text']}，电话{SECRETS['phone']}。{word}",
        place=report_pb2.Place(area="620102001", address=SECRETS["address"]),
        reporter=report_pb2.Reporter(display_name=SECRETS["reporter"], phone=SECRETS["phone"]),
        parties=[report_pb2.Party(role=2, display_name=SECRETS["party"], phone=SECRETS["party's phone"])],
        source="paper",
        source_id=word,
    )


@pytest.fixture(scope="module")
async def lived(clients: Clients) -> dict[str, str]:
    """Carry a report with secrets through a whole life, on every door and past every refusal; return what is secret."""

    def as_(role: str, unit: str = COUNTY) -> dict[str, Any]:
        access = clients.as_(role, unit)
        return {**access, "metadata": (*access["metadata"], ("traceparent", SAMPLED))}

    create = intake_pb2.CreateReportRequest(report=told(request_id()), request_id=request_id())
    report = await clients.intake.CreateReport(create, **as_("clerk"))
    assert await clients.intake.CreateReport(create, **as_("clerk")) == report
    content = await clients.intake.GetReportContent(
        intake_pb2.GetReportContentRequest(name=f"{report.name}/content"), **as_("clerk")
    )
    assert (content.text, content.reporter, list(content.parties)) == (
        create.report.text, create.report.reporter, list(create.report.parties))  # fmt: skip
    again, subject = told(create.report.source_id), SECRETS["party"]
    raised = escalation_pb2.Escalation(mode=1, from_unit=report.unit, reason="stuck", subject=subject)
    intake, clerk = clients.intake, as_("clerk")
    refusals = [
        intake.CreateReport(intake_pb2.CreateReportRequest(report=again, request_id=request_id()), **clerk),
        intake.CreateReport(intake_pb2.CreateReportRequest(report=again, request_id=SECRETS["text"]), **clerk),
        intake.CreateReport(intake_pb2.CreateReportRequest(report=told("\0"), request_id=request_id()), **clerk),
        intake.CreateReport(create, **as_("clerk", "620103")),
        intake.ListReports(intake_pb2.ListReportsRequest(page_token=SECRETS["text"]), **clerk),
        clients.escalation.CreateEscalation(
            escalation_pb2.CreateEscalationRequest(parent=report.case, request_id=request_id(), escalation=raised),
            **as_("handler"),
        ),
        clients.mediation.ReportTask(
            mediation_pb2.ReportTaskRequest(name=f"{report.case}/tasks/1", evidence=subject, request_id=request_id()),
            **as_("handler"),
        ),
    ]
    for refusal in refusals:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await refusal
        assert refused.value.code() is not grpc.StatusCode.INTERNAL
    rows = [
        intake_pb2.ImportRow(row=row, report=told(f"{row}-{request_id()}"), request_id=request_id()) for row in (1, 2)
    ]
    rows[1].report.unit = "units/11"
    async for _ in clients.intake.ImportReports(iter([intake_pb2.ImportReportsRequest(rows=rows)]), **as_("clerk")):
        pass
    find = intake_pb2.FindDuplicatesRequest(text=create.report.text, unit=report.unit)
    assert (await clients.intake.FindDuplicates(find, **as_("clerk"))).duplicates
    await over_rest(clients, report)
    case = (await clients.accept(report)).name
    await document(clients, case, as_("handler"))
    await clients.finish(case)
    await written(clients)
    code = report.receipt_code
    return {
        **SECRETS,
        "receipt code": code,
        "receipt code, bare": code.replace("-", ""),
        "case": report.case.split("/")[1],
    }


async def document(clients: Clients, case: str, handler: dict[str, Any]) -> None:
    """Write what was told into documents, and read them."""
    for form in (documents_pb2.DOCUMENT_FORM_REGISTER, documents_pb2.DOCUMENT_FORM_AGREEMENT):
        request = documents_pb2.GenerateDocumentRequest(parent=case, form=form, request_id=request_id())
        if form == documents_pb2.DOCUMENT_FORM_AGREEMENT:
            with pytest.raises(grpc.aio.AioRpcError):
                await clients.documents.GenerateDocument(request, **handler)
        else:
            filed = await clients.documents.GenerateDocument(request, **handler)
    read = documents_pb2.GetDocumentRequest(name=filed.name)
    text = text_of((await clients.documents.GetDocument(read, **handler)).content)
    assert all(SECRETS[what] in text for what in ("reporter", "phone", "party", "text", "address"))
    await clients.documents.GetDossier(documents_pb2.GetDossierRequest(name=f"{case}/dossier"), **handler)


async def over_rest(clients: Clients, report: report_pb2.Report) -> None:
    """Say the secrets over REST as well: in bodies good and bad, and where they do not belong."""
    headers = {
        "Authorization": f"Bearer {clients.stack.token('clerk', COUNTY)}",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }
    async with httpx.AsyncClient(base_url=clients.stack.urls["api"], headers=headers, timeout=CALL) as rest:
        body = {"channel": "CHANNEL_APP", "unit": report.unit, "category": report.category, "text": SECRETS["text"],
                "reporter": {"displayName": SECRETS["reporter"], "phone": SECRETS["phone"]}}  # fmt: skip
        key = {"Idempotency-Key": request_id()}
        assert (await rest.post("/v1/reports", json=body, headers=key)).status_code == 200
        for wrong in ({SECRETS["reporter"]: 1}, {"channel": SECRETS["reporter"]}, {"receiveTime": SECRETS["phone"]}):
            assert (await rest.post("/v1/reports", json={**body, **wrong}, headers=key)).status_code == 400
        key["Content-Type"] = "application/json"
        assert (await rest.post("/v1/reports", content=SECRETS["text"], headers=key)).status_code == 400
        assert (await rest.get(f"/v1/receipts/{report.receipt_code}")).status_code == 200
        for path in (f"/v1/reports?{SECRETS['reporter']}=1", f"/v1/reports?pageToken={SECRETS['phone']}",
                     f"/v1/reports/{SECRETS['reporter']}", f"/{SECRETS['text']}"):  # fmt: skip
            assert 400 <= (await rest.get(path)).status_code < 500


def found_in(data: bytes, secrets: dict[str, str]) -> set[str]:
    """Return which of the texts are in the data, in any form."""
    return {name for name, secret in secrets.items() if any(form in data for form in forms(secret))}


def test_a_text_is_found_in_every_form_it_could_lie_about_in() -> None:
    for secret in SECRETS.values():
        noise = secret.encode()
        shifted = [base64.b64encode(before + noise + b"c") for before in (b"", b"a", b"ab")]
        for data in (noise, json.dumps({"a": secret}).encode(), noise.hex().encode(), *shifted):
            assert found_in(b"xx" + data, {"it": secret}) == {"it"}


def files(stack: Stack) -> list[Path]:
    return [
        path for path in stack.folder.root.rglob("*") if path.is_file() and not path.is_relative_to(stack.folder.keys)
    ]


async def test_nothing_told_is_in_any_file_of_the_stack(stack: Stack, lived: dict[str, str]) -> None:
    seen: dict[str, set[str]] = {}
    for path in files(stack):
        try:
            data = path.read_bytes()
        except OSError:
            continue  # PostgreSQL recycles its files
        seen[str(path.relative_to(stack.folder.root))] = found_in(data, lived)
    assert {name: what - {"case"} for name, what in seen.items() if what - {"case"}} == {}
    # The search does find what is there: the case's number, in Temporal's database and its log of writes.
    assert any("temporal" in name and "case" in what for name, what in seen.items()), sorted(seen)
    spans = (stack.folder.root / "spans.jsonl").read_text("utf-8")
    assert TRACE in spans
    for span in ("IntakeService/CreateReport", "IntakeService/FindDuplicates", "MediationService/ReportTask"):
        assert span in spans


async def test_nothing_told_is_in_any_table(stack: Stack, lived: dict[str, str]) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema IN ('intake', 'mediation', 'escalation')"
        )
        seen: dict[str, set[str]] = {}
        for (table,) in tables:
            # Bytes come out in hexadecimal, JSON as it was written.
            rows = await connection.fetch(f"SELECT t::text FROM {table} t")
            seen[table] = found_in("\n".join(row[0] for row in rows).encode(), lived)
    finally:
        await connection.close()
    assert {table: what - {"case"} for table, what in seen.items() if what - {"case"}} == {}
    assert {"intake.reports", "intake.events", "mediation.cases"} <= {table for table, what in seen.items() if what}


async def test_nothing_told_is_in_any_metric(stack: Stack, lived: dict[str, str]) -> None:
    pages = [port for name, port in stack.ports.items() if name.endswith("_metrics")]
    async with httpx.AsyncClient(timeout=CALL) as client:
        for port in pages:
            page = await client.get(f"http://127.0.0.1:{port}/metrics")
            assert page.status_code == 200
            assert len(page.content) > 500
            assert found_in(page.content, lived) == set(), port
