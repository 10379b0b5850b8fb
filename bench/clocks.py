"""(e) Many clocks: memory with 100,000 open ones, lateness when many fall due at once."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.intake.v1 import intake_pb2
from temporalio.client import Client

from accord.embedded.stack import Stack
from accord.generator import reports
from bench.bulk import message, send_rows
from bench.measure import Figures, percentile
from bench.memory import resident, running

OPEN = 100_000
TOGETHER = 1_000
RULE, HOURS = "protection_order_urgent", 24
"""A rule in hours: what falls due at one instant is started that long before it, minus the time to start them all."""
AHEAD = timedelta(seconds=120)
_AT_ONCE = 32


async def fill(stack: Stack, client: Client) -> float:
    """Import OPEN reports, each with its clock, and return the seconds until each has its workflow."""
    started, key = time.perf_counter(), uuid.uuid4().hex[:8]
    today = datetime.now(UTC).date()
    for first in range(0, OPEN, 10_000):
        rows = [
            intake_pb2.ImportRow(row=index, report=message(each), request_id=f"clocks-{key}-{first + index}")
            for index, each in enumerate(reports(100 + first, 10_000, today))
        ]
        await send_rows(stack, rows)
    await running(client, OPEN)
    return time.perf_counter() - started


async def start_together(stack: Stack, due: datetime) -> None:
    """Start TOGETHER clocks on open reports, all due at this instant."""
    connection = await asyncpg.connect(stack.database_url)
    numbers = [row[0] for row in await connection.fetch(f"SELECT number FROM intake.reports LIMIT {TOGETHER}")]
    await connection.close()
    slots = asyncio.Semaphore(_AT_ONCE)
    metadata = (("authorization", f"Bearer {stack.token('duty_officer', 'cn')}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel:
        stub = ClockServiceStub(channel)

        async def one(number: str) -> None:
            request = clock_pb2.StartClockRequest(
                service="intake", case=f"cases/{number}", rule=RULE, request_id=f"together-{number}"
            )
            request.effective_time.FromDatetime(due - timedelta(hours=HOURS))
            async with slots:
                await stub.StartClock(request, metadata=metadata)

        await asyncio.gather(*map(one, numbers))


async def lateness(stack: Stack, due: datetime) -> list[float]:
    """Return the seconds by which each of them fired late, once all have."""
    connection = await asyncpg.connect(stack.database_url)
    query = """SELECT extract(epoch FROM fired_at - due_at)::float8 FROM intake.clock_rungs
        WHERE kind = 'overdue' AND due_at BETWEEN $1 AND $2"""
    try:
        async with asyncio.timeout(600):
            while True:
                found = [row[0] for row in await connection.fetch(query, due, due + timedelta(minutes=1))]
                if len(found) >= TOGETHER:
                    return found
                await asyncio.sleep(1)
    finally:
        await connection.close()


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0) as stack:
        client = await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")
        before = resident(stack.pid("worker"))
        seconds = await fill(stack, client)
        held = resident(stack.pid("worker"))
        due = datetime.now(UTC).replace(microsecond=0) + AHEAD
        await start_together(stack, due)
        late = await lateness(stack, due)
        after = resident(stack.pid("worker"))
    return Figures(
        "e",
        "clocks",
        {
            f"{OPEN:,} reports with a clock, received and each with its workflow": f"{seconds:,.0f} s",
            "worker before": f"{before / 2**20:.0f} MiB resident",
            f"worker with {OPEN:,} open clocks": f"{held / 2**20:.0f} MiB resident",
            f"worker after {TOGETHER:,} fell due in one instant": f"{after / 2**20:.0f} MiB resident",
            f"lateness of {TOGETHER:,} clocks due in one instant": f"p50 {percentile(late, 0.5):.1f} s, "
            f"p99 {percentile(late, 0.99):.1f} s, all after {max(late):.1f} s",
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
