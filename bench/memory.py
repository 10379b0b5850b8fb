"""(d) What an open case costs the worker in memory, and what a case costs the databases in growth."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import grpc
import psutil
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from temporalio.client import Client

from accord.embedded.stack import Stack
from accord.generator import reports
from bench.bulk import message, send_rows
from bench.lives import Lives
from bench.measure import Figures
from workflows.worker import CACHED_WORKFLOWS

WAITING = 1_500
OPENED = 300
LIVES = 100


def resident(pid: int | None) -> int:
    """Return the bytes a process holds in memory."""
    return int(psutil.Process(pid).memory_info().rss) if pid else 0


async def sizes(stack: Stack) -> tuple[int, int]:
    """Return the bytes of the services' database, and of Temporal's file with its log."""
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute("CHECKPOINT")
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    await connection.close()
    temporal = sum(path.stat().st_size for path in Path(stack.folder.root).glob("temporal.db*"))
    return int(size), temporal


async def running(client: Client, count: int, query: str = "") -> None:
    """Wait until this many workflows run."""
    while (await client.count_workflows(f"ExecutionStatus = 'Running'{query}")).count < count:
        await asyncio.sleep(0.5)


async def accept(stack: Stack, count: int) -> None:
    """Accept this many of the waiting reports."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel:
        intake = IntakeServiceStub(channel)
        officer = (("authorization", f"Bearer {stack.token('duty_officer', '62')}"),)
        listed = intake_pb2.ListReportsRequest(page_size=count, states=[report_pb2.REPORT_STATE_RECEIVED])
        for report in (await intake.ListReports(listed, metadata=officer)).reports:
            request = intake_pb2.AcceptReportRequest(name=report.name, request_id=f"accept-{uuid.uuid4().hex}")
            await intake.AcceptReport(request, metadata=officer)


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0) as stack:
        client = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
        lives = Lives(stack)
        await lives.rate(20)
        before, worker_before = await sizes(stack), resident(stack.pid("worker"))
        key = uuid.uuid4().hex[:8]
        rows = [
            intake_pb2.ImportRow(row=index, report=message(each), request_id=f"memory-{key}-{index}")
            for index, each in enumerate(reports(7, WAITING, datetime.now(UTC).date()))
        ]
        await send_rows(stack, rows)
        await running(client, WAITING)
        waiting, worker_waiting = await sizes(stack), resident(stack.pid("worker"))
        await accept(stack, OPENED)
        await running(client, OPENED, " AND AccordStage = 'handling'")
        opened, worker_opened = await sizes(stack), resident(stack.pid("worker"))
        await lives.rate(LIVES)
        await lives.close()
        lived = await sizes(stack)
    per = {"a report that waits": (before, waiting, WAITING), "a whole life": (opened, lived, LIVES)}
    growth = {
        f"{engine}, {what}": f"{(after[index] - earlier[index]) / count / 1024:.1f} KiB"
        for what, (earlier, after, count) in per.items()
        for index, engine in enumerate(("PostgreSQL", "Temporal"))
    }
    return Figures(
        "d",
        "memory and growth",
        {
            f"worker, {WAITING:,} reports waiting": f"{worker_waiting / 2**20:.0f} MiB resident "
            f"({(worker_waiting - worker_before) / 2**20:+.0f} MiB)",
            f"worker, {OPENED} cases opened then": f"{worker_opened / 2**20:.0f} MiB resident",
            "memory an open case": f"{(worker_opened - worker_waiting) / OPENED / 1024:.0f} KiB "
            f"(at most {CACHED_WORKFLOWS} are cached, whatever is open)",
            **growth,
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
