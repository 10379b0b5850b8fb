"""(notices) 10,000 notices due at nine in the morning, by mail, and what a command at a counter takes meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import asyncpg
from aiosmtpd.smtp import SMTP
from google.protobuf.timestamp_pb2 import Timestamp

from accord.embedded.stack import Stack
from bench.bulk import batches, send
from bench.counter import Counter
from bench.measure import Figures, percentile

NOTICES = 10_000
QUIET = 300
_PAUSE = 0.05
_WRITE = """
    INSERT INTO mediation.notices
        (source, number, seq, rule, party, unit, category, said, occurred_at, due_at, updated_at)
    SELECT 'intake', number, 900, 'report_accepted', 0, unit, category, '{}', now(), now(), now()
    FROM intake.reports WHERE closed_at IS NOT NULL ORDER BY number LIMIT $1
"""
_LEFT = "SELECT count(*) FROM mediation.notices WHERE state = 1"


class _Sink:
    """Takes every mail and keeps none."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        head = envelope.content.split(b"Message-ID: ", 1)[1].split(b"\r\n", 1)[0]
        self.ids.add(head.decode())
        return "250 OK"


def sink(ports: Queue[int], stop: Any, found: Queue[int]) -> None:
    """Run a mail server; say its port, and at the end how many different mails it took."""

    async def serve() -> None:
        taken, loop = _Sink(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(taken, loop=loop), "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, stop.wait)
        server.close()
        found.put(len(taken.ids))

    asyncio.run(serve())


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    context = multiprocessing.get_context("spawn")
    ports, found, stop = context.Queue(), context.Queue(), context.Event()
    server = context.Process(target=sink, args=(ports, stop, found), daemon=True)
    server.start()
    settings = {
        "ACCORD_SMTP_HOST": "127.0.0.1", "ACCORD_SMTP_PORT": str(ports.get()), "ACCORD_SMTP_SECURITY": "none",
        "ACCORD_SMTP_FROM": "notices@example.org",
    }  # fmt: skip
    stack = Stack(state=Path(state), port_base=0, settings=settings)
    await asyncio.to_thread(stack.start)
    people = Counter(stack)
    try:
        await send(stack, history())
        quiet = [await _filed(people) for _ in range(QUIET)]
        connection = await asyncpg.connect(stack.database_url)
        started = time.perf_counter()
        await connection.execute(_WRITE, NOTICES)
        busy = []
        while await connection.fetchval(_LEFT):
            busy.append(await _filed(people))
        seconds = time.perf_counter() - started
        await connection.close()
    finally:
        await people.close()
        await asyncio.to_thread(stack.stop)
        stop.set()
    values = {
        "all of them left": f"{seconds:.1f} s (at most 120)",
        "mails that arrived, each counted once": f"{await asyncio.to_thread(found.get):,}",
        "a command at the counter, nothing else under way": _shown(quiet),
        "a command at the counter meanwhile": _shown(busy),
        "ratio of the medians": f"{statistics.median(busy) / statistics.median(quiet):.2f} (at most 1.10)",
    }
    return Figures("notices", "10,000 notices due at once, by mail, beside a counter's command", values)


def history() -> list[Any]:
    """Return reports of people with a mail address that were over before they came in: they cause nothing else."""
    over = Timestamp()
    over.FromDatetime(datetime.now(UTC) - timedelta(minutes=5))
    requests = batches(11)
    for number, row in enumerate(each for request in requests for each in request.rows):
        row.report.history.close_time.CopyFrom(over)
        row.report.receive_time.CopyFrom(over)
        row.report.reporter.email = f"reporter-{number}@example.org"
    return requests


async def _filed(people: Counter) -> float:
    started = time.perf_counter()
    await people.file()
    seconds = time.perf_counter() - started
    await asyncio.sleep(_PAUSE)
    return seconds


def _shown(values: list[float]) -> str:
    p50, p99 = statistics.median(values) * 1000, percentile(values, 0.99) * 1000
    return f"median {p50:.1f} ms, p99 {p99:.1f} ms, {len(values)} commands"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
