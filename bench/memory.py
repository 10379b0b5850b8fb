"""(d) What an open case costs the worker in memory, and what a case costs the databases in growth."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import asyncpg
import psutil
from pb.intake.v1 import intake_pb2, report_pb2
from temporalio.client import Client

from accord.stack import Stack
from bench.bulk import message, send_rows
from bench.lives import Lives
from bench.measure import Figures
from workflows.worker import CACHED_WORKFLOWS

OPEN = 1_500
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


async def started(client: Client, count: int) -> None:
    """Wait until this many workflows run."""
    while (await client.count_workflows("ExecutionStatus = 'Running'")).count < count:
        await asyncio.sleep(0.5)


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    from datetime import UTC, datetime

    from accord.generator import reports

    with Stack(state=state, port_base=0) as stack:
        client = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
        lives = Lives(stack)
        await lives.rate(20)
        before, worker_before = await sizes(stack), resident(stack.pid("worker"))
        key = uuid.uuid4().hex[:8]
        rows = [
            intake_pb2.ImportRow(row=index, report=report_pb2.Report.FromString(message(each).SerializeToString()),
                                 request_id=f"memory-{key}-{index}")
            for index, each in enumerate(reports(7, OPEN, datetime.now(UTC).date()))
        ]  # fmt: skip
        await send_rows(stack, rows)
        await started(client, OPEN)
        await asyncio.sleep(3)
        opened, worker_after = await sizes(stack), resident(stack.pid("worker"))
        await lives.rate(LIVES)
        await lives.close()
        lived = await sizes(stack)
    cached = min(OPEN, CACHED_WORKFLOWS)
    return Figures(
        "d",
        "memory and growth",
        {
            f"worker, {OPEN:,} open cases ({cached} of them cached)": f"{worker_after / 2**20:.0f} MiB resident",
            "memory a cached open case": f"{max(worker_after - worker_before, 0) / cached / 1024:.0f} KiB",
            "PostgreSQL, an open report": f"{(opened[0] - before[0]) / OPEN / 1024:.1f} KiB",
            "Temporal, an open report": f"{(opened[1] - before[1]) / OPEN / 1024:.1f} KiB",
            "PostgreSQL, a whole life": f"{(lived[0] - opened[0]) / LIVES / 1024:.1f} KiB",
            "Temporal, a whole life": f"{(lived[1] - opened[1]) / LIVES / 1024:.1f} KiB",
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
