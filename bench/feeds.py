"""(feeds) Reads a feed over gRPC, as lines of JSON and as server-sent events, beside the bare rows of the database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
import grpc
import httpx
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from bench.bulk import send
from bench.measure import Figures, only
from bench.notices import history

_ROUNDS = 5
_BATCH = 200
_ROWS = """
    SELECT position, number, seq, kind, occurred_at, recorded_at, actor, payload, hash, wakes, trace_parent
    FROM intake.feed JOIN intake.events ON events.id = feed.event_id
    WHERE position > $1 AND position <= $1 + $2 ORDER BY position
"""
_PATH = f"/v1/feeds/intake/events:watch?untilCaughtUp=true&batchSize={_BATCH}"
Read = Callable[[], Awaitable[int]]


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
        await send(stack, history())
        connection = await asyncpg.connect(stack.database_url)
        bearer = f"Bearer {client_token(stack.keys, 'cli')}"
        headers = {"Authorization": f"Bearer {stack.token('integrator', 'cn')}"}
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel,
            httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=120) as rest,
        ):

            async def rows() -> int:
                found, part = 0, await connection.fetch(_ROWS, 0, _BATCH)
                while part:
                    found += len(part)
                    part = await connection.fetch(_ROWS, found, _BATCH)
                return found

            async def over_grpc() -> int:
                request = feed_pb2.WatchEventsRequest(service="intake", until_caught_up=True, batch_size=_BATCH)
                calls = FeedServiceStub(channel).WatchEvents(request, metadata=(("authorization", bearer),))
                return sum([len(batch.events) async for batch in calls])

            async def as_lines() -> int:
                return await _shown(rest, "application/x-ndjson")

            async def as_events() -> int:
                return await _shown(rest, "text/event-stream")

            ways: dict[str, Read] = {
                "over gRPC": over_grpc, "as lines of JSON, over REST": as_lines,
                "as server-sent events, over REST": as_events, "ceiling: the rows, by asyncpg": rows,
            }  # fmt: skip
            events = await rows()
            found = {name: await _rate(read, events) for name, read in ways.items()}
        await connection.close()
    ceiling = found.pop("ceiling: the rows, by asyncpg")
    values = {f"events a second {name}": f"{rate:,.0f}, {rate / ceiling:.2f}" for name, rate in found.items()}
    values["ceiling: the rows, by asyncpg"] = f"{ceiling:,.0f}"
    return Figures("feeds", f"one reader of a feed of {events:,} events, {_BATCH} at a time, with its ratio", values)


async def _shown(rest: httpx.AsyncClient, kind: str) -> int:
    """Return how many events a response shows."""
    found = 0
    async with rest.stream("GET", _PATH, headers={"Accept": kind}) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            found += line.count('"hash":"')
    return found


async def _rate(read: Read, events: int) -> float:
    """Return events a second, the median of some rounds; every event must have come."""
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        assert await read() == events
        seconds.append(time.perf_counter() - started)
    return events / statistics.median(seconds)
