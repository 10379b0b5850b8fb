"""(a) Bulk reports a second through gRPC streaming, beside a raw COPY of the same rows."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import grpc
from google.type.money_pb2 import Money
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from accord.generator import GeneratedReport, reports
from bench.measure import Figures, only

ROWS = 10_000
BATCH = 500
ROUNDS = 5


def message(each: GeneratedReport) -> report_pb2.Report:
    """Return a generated report as it is received."""
    parties = [report_pb2.Party(role=report_pb2.PARTY_ROLE_RESPONDENT, display_name=each.respondent)]
    return report_pb2.Report(
        channel=f"CHANNEL_{each.channel.upper()}",
        unit=f"units/{each.unit}",
        category=f"categories/{each.category}",
        place=report_pb2.Place(area=each.place_code, address=each.place_text),
        text=each.text,
        reporter=report_pb2.Reporter(display_name=each.reporter_name, phone=each.reporter_phone),
        parties=parties if each.respondent else [],
        people_affected=each.people_affected,
        amount=Money(currency_code="CNY", units=each.amount_fen // 100) if each.amount_fen else None,
        scope=f"SCOPE_{each.scope.upper()}",
        urgency=f"URGENCY_{each.urgency.upper()}",
        danger=each.danger,
    )


def batches(seed: int) -> list[intake_pb2.ImportReportsRequest]:
    """Return a province's day as it would be sent: 10,000 reports in batches of 500."""
    run = uuid.uuid4().hex[:12]
    found = list(reports(seed, ROWS, datetime.now(UTC).date()))
    return [
        intake_pb2.ImportReportsRequest(
            rows=[
                intake_pb2.ImportRow(row=index, report=message(each), request_id=f"bench-{run}-{index}")
                for index, each in enumerate(found[start : start + BATCH], start)
            ]
        )
        for start in range(0, len(found), BATCH)
    ]


async def send(stack: Stack, requests: list[intake_pb2.ImportReportsRequest]) -> float:
    """Return the seconds until every row was answered as created."""
    token = client_token(stack.keys, "cli")

    async def stream() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for request in requests:
            yield request

    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel:
        created, started = 0, time.perf_counter()
        metadata = (("authorization", f"Bearer {token}"),)
        async for answer in IntakeServiceStub(channel).ImportReports(stream(), metadata=metadata):
            refused = next((result for result in answer.results if not result.report or result.repeated), None)
            if refused:
                raise RuntimeError(f"row {refused.row}: {refused.reason} {refused.field} {refused.message}")
            created += len(answer.results)
        seconds = time.perf_counter() - started
    assert created == sum(len(request.rows) for request in requests)
    return seconds


async def send_rows(stack: Stack, rows: list[intake_pb2.ImportRow]) -> float:
    """Return the seconds until these rows were answered as created."""
    return await send(
        stack,
        [intake_pb2.ImportReportsRequest(rows=rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)],
    )


async def copy(url: str) -> float:
    """Return the seconds a raw COPY of the same reports rows takes, into a bare table without index."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE bench_copy AS TABLE intake.reports WITH NO DATA")
        columns = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'bench_copy'::regclass AND attnum > 0"
        )
        rows = [tuple(row) for row in await connection.fetch(f"SELECT * FROM intake.reports LIMIT {ROWS}")]
        started = time.perf_counter()
        await connection.copy_records_to_table("bench_copy", records=rows, columns=[row[0] for row in columns])
        seconds = time.perf_counter() - started
        await connection.execute("DROP TABLE bench_copy")
        return seconds
    finally:
        await connection.close()


async def _signed(url: str) -> float:
    """Return the seconds until every text is found as a likely same matter and counted: what an import leaves to do."""
    connection, started = await asyncpg.connect(url), time.perf_counter()
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.counted_texts WHERE NOT counted)"):
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    return time.perf_counter() - started


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=only("intake")) as stack:
        url = stack.database_url
        ours, raw, signed = [], [], []
        await send(stack, batches(ROUNDS))
        await _signed(url)
        for round_ in range(ROUNDS):
            requests = batches(round_)
            ours.append(await send(stack, requests))
            signed.append(await _signed(url))
            raw.append(await copy(url))
    rate, ceiling = ROWS / statistics.median(ours), ROWS / statistics.median(raw)
    return Figures(
        "a",
        "bulk reports through gRPC streaming: validated, triaged, sealed, with events, hashes, clocks",
        {
            "reports a second (median)": f"{rate:,.0f}",
            "a province's day of 10,000": f"{statistics.median(ours):.2f} s (worst {max(ours):.2f} s)",
            "signs of their texts worked out and counted after": f"{statistics.median(signed):.1f} s",
            "raw COPY of the same rows": f"{ceiling:,.0f} a second",
            "ratio to raw COPY": f"{rate / ceiling:.2f}",
        },
    )


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(sys.argv[1] if len(sys.argv) > 1 else folder)).text())
