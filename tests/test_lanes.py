"""Work a person waits for goes first, also during imports and kills; and no notification is sent twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.people import People
from tests.test_faults import rows, running, sound
from tests.test_loops import until
from workflows.messages import Heard, Source
from workflows.relay import LANES, told

ROWS = 1000
BATCH = 500


async def imported(clients: Clients, count: int) -> None:
    """Bring in cases that are open and were accepted elsewhere: each of them needs its case opened."""
    received = Timestamp()
    received.FromJsonString("2026-11-02T01:00:00Z")
    run = request_id()

    async def batches() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for first in range(0, count, BATCH):
            yield intake_pb2.ImportReportsRequest(
                rows=[
                    intake_pb2.ImportRow(row=nth, request_id=f"{run}-{nth}", report=matter(nth, received))
                    for nth in range(first, min(first + BATCH, count))
                ]
            )

    metadata = (("authorization", f"Bearer {client_token(clients.stack.keys, 'cli')}"),)
    stored = 0
    async for answer in clients.intake.ImportReports(batches(), metadata=metadata, timeout=300):
        assert all(result.report for result in answer.results), answer.results[:1]
        stored += len(answer.results)
    assert stored == count


def matter(nth: int, received: Timestamp) -> report_pb2.Report:
    """Return an open report with a history of its own."""
    return report_pb2.Report(
        channel=report_pb2.CHANNEL_COUNTER,
        unit=f"units/{COUNTY}",
        category="categories/neighbour",
        text=f"邻里纠纷第{nth}件，正在处理。",
        receive_time=received,
        source="old",
        source_id=f"{os.urandom(4).hex()}-{nth}",
        history=report_pb2.History(),
    )


async def position(clients: Clients) -> int:
    """Return up to where what came in bulk has been told."""
    request = feed_pb2.GetConsumerRequest(service="intake", consumer=LANES[1].consumer)
    found = await clients.feeds["intake"].GetConsumer(request, **clients.as_service())
    return int(found.position)


async def opened(stack: Stack) -> int:
    """Return how many cases are open."""
    ((count,),) = await rows(stack, "SELECT count(*) FROM mediation.cases")
    return int(count)


@pytest.mark.chaos
@pytest.mark.fault("B6", "D19")
async def test_a_case_accepted_at_the_counter_overtakes_an_import_though_the_relay_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (stack, clients):
        people = People(clients)
        pid = await asyncio.to_thread(stack.kill, "relay", signal.SIGSTOP)
        await imported(clients, ROWS)
        os.kill(pid, signal.SIGCONT)
        told_up_to = await position(clients)
        for _ in range(2):
            await people.accept(await people.file())  # waits until it is open
            assert await opened(stack) < ROWS, "the import was through first"
            # It keeps what it has told, and goes on from there.
            await until(lambda before=told_up_to: _moved(clients, before))
            told_up_to = await position(clients)
            pid = await asyncio.to_thread(stack.kill, "relay")
            await asyncio.to_thread(stack.await_restart, "relay", pid, PATIENCE)
            assert await position(clients) >= told_up_to
        await sound(stack)


async def _moved(clients: Clients, before: int) -> bool:
    return await position(clients) > before


class Slow:
    """Tells, and lets one case wait."""

    def __init__(self, waits: str) -> None:
        self.waits, self.go = waits, asyncio.Event()

    async def tell(self, number: str, unit: str, tier: str, events: list[Heard], trace: str = "") -> None:
        """Tell one case."""
        if number == self.waits:
            await self.go.wait()


@pytest.mark.fault("D19")
async def test_what_was_told_is_acknowledged_while_the_rest_of_a_batch_is_still_told() -> None:
    numbers = [f"620102-2026-{nth:06}" for nth in (1, 2, 3, 2)]
    events = [
        feed_pb2.Event(position=10 + nth, case=f"cases/{number}", sequence=1, type="ReportReceived")
        for nth, number in enumerate(numbers)
    ]
    teller: Any = Slow(numbers[2])
    positions = told(teller, Source.INTAKE, feed_pb2.WatchEventsResponse(events=events, position=50))
    assert await anext(positions) == 11  # up to what waits, though it is not last
    teller.go.set()
    assert [position async for position in positions] == [50]
