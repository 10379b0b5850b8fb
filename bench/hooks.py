"""(hooks) Events a second through a webhook, each signed and answered, beside the raw feed over gRPC."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import uvicorn
from pb.feed.v1 import feed_pb2
from pb.feed.v1.feed_pb2_grpc import FeedServiceStub
from pb.hooks.v1 import hooks_pb2
from pb.hooks.v1.hooks_pb2_grpc import SubscriptionServiceStub

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from bench.bulk import send
from bench.measure import Figures
from bench.notices import history

_ACTIVE = hooks_pb2.SUBSCRIPTION_STATE_ACTIVE


def sink(ports: Queue[int], counts: Queue[int], stop: Any) -> None:
    """Run a receiver that takes everything; say its port, and now and then how many different events it took."""
    taken: set[bytes] = set()

    async def take(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        taken.add(dict(scope["headers"])[b"webhook-id"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def serve() -> None:
        config = uvicorn.Config(take, port=0, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ports.put(server.servers[0].sockets[0].getsockname()[1])
        while not stop.is_set():
            counts.put(len(taken))
            await asyncio.sleep(0.05)
        server.should_exit = True
        await serving

    asyncio.run(serve())


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    context = multiprocessing.get_context("spawn")
    ports, counts, stop = context.Queue(), context.Queue(), context.Event()
    server = context.Process(target=sink, args=(ports, counts, stop), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ports.get()}/events"
    stack = Stack(state=Path(state), port_base=0, settings={"ACCORD_HOOK_NETWORKS": "127.0.0.0/8"})
    await asyncio.to_thread(stack.start)
    try:
        await send(stack, history())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel:
            metadata = (("authorization", f"Bearer {client_token(stack.keys, 'cli')}"),)
            events, reading = await _read(channel, metadata)
            await _subscribed(channel, metadata, url)
            connection = await asyncpg.connect(stack.database_url)
            started = time.perf_counter()
            # As if the subscription had been made before: everything that happened is sent.
            await connection.execute("UPDATE intake.subscription_positions SET position = 0 WHERE service = 'intake'")
            await connection.close()
            while await asyncio.to_thread(counts.get) < events:
                pass
            sending = time.perf_counter() - started
    finally:
        await asyncio.to_thread(stack.stop)
        stop.set()
    values = {
        "events a second through a webhook, signed, each answered": f"{events / sending:,.0f} ({events:,} events)",
        "events a second of the raw feed, over gRPC": f"{events / reading:,.0f}",
        "ratio": f"{reading / sending:.2f}",
        "a province's day of 100,000 events": f"{100_000 * sending / events:.0f} s",
    }
    return Figures("hooks", "events to one subscriber, beside the raw feed", values)


async def _read(channel: grpc.aio.Channel, metadata: Any) -> tuple[int, float]:
    """Return how many events the feed has, and the seconds it takes to read them."""
    request = feed_pb2.WatchEventsRequest(service="intake", until_caught_up=True)
    count, started = 0, time.perf_counter()
    async for batch in FeedServiceStub(channel).WatchEvents(request, metadata=metadata):
        count += len(batch.events)
    return count, time.perf_counter() - started


async def _subscribed(channel: grpc.aio.Channel, metadata: Any, url: str) -> None:
    stub = SubscriptionServiceStub(channel)
    create = hooks_pb2.CreateSubscriptionRequest(unit="units/cn", url=url, request_id="bench-hooks")
    made = await stub.CreateSubscription(create, metadata=metadata)
    get = hooks_pb2.GetSubscriptionRequest(name=made.name)
    while (await stub.GetSubscription(get, metadata=metadata)).state != _ACTIVE:
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
