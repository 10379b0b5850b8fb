"""(c) A unary command and a REST read at 50 clients, beside a bare grpc.aio echo and a bare FastAPI route."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import grpc
import uvicorn
from fastapi import FastAPI
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub

from accord.embedded.stack import Stack
from bench.measure import Figures, only, percentile

CLIENTS = 50
CALLS = 3_000
ROUNDS = 3
Call = Callable[[int], Awaitable[object]]


async def measure(call: Call, calls: int = CALLS) -> tuple[float, float, float]:
    """Return calls a second, p50 and p99 in milliseconds, of 50 clients that call one after the other."""
    times: list[float] = []
    left = iter(range(calls))

    async def client() -> None:
        for index in left:
            started = time.perf_counter()
            await call(index)
            times.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return calls / (time.perf_counter() - started), percentile(times, 0.5), percentile(times, 0.99)


def echo_server(port: int) -> None:
    """Serve a bare grpc.aio echo."""

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def run() -> None:
        server = grpc.aio.server()
        method = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Echo", {"Say": method}),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()

    asyncio.run(run())


def bare_rest(port: int, url: str) -> None:
    """Serve a bare FastAPI route with one SELECT."""
    app = FastAPI()
    pools: list[asyncpg.Pool] = []

    @app.get("/reports/{number}")
    async def read(number: str) -> dict[str, Any]:
        if not pools:
            pools.append(await asyncpg.create_pool(url, min_size=1, max_size=10))
        query = "SELECT number, unit, category, people FROM intake.reports WHERE number = $1"
        return dict(await pools[0].fetchrow(query, number))

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", loop="uvloop", http="httptools")


class Http:
    """A keep-alive HTTP client that costs next to nothing, so that it measures the server."""

    def __init__(self, port: int, path: str, headers: str = "", body: bytes = b"") -> None:
        """A body is posted, as JSON."""
        if body:
            headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        method = "POST" if body else "GET"
        self._request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode() + body
        self._port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, _: int) -> bytes:
        """Return the body; RuntimeError where the answer is not 200."""
        while True:
            reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(self._request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                break
            except (asyncio.IncompleteReadError, ConnectionError):
                # The server closed a connection that was idle between two rounds.
                writer.close()
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError((head + body).decode())
        self.idle.append((reader, writer))
        return body

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self.idle:
            writer.close()


class Many:
    """Gets many paths in turn."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self._each = [Http(port, path) for path in paths]

    async def get(self, index: int) -> bytes:
        """Return the body of the next path."""
        return await self._each[index % len(self._each)].get(index)

    def close(self) -> None:
        """Close the connections."""
        for each in self._each:
            each.close()


async def until_up(call: Call) -> None:
    """Wait until a server answers."""
    for _ in range(200):
        try:
            await call(0)
            return
        except (OSError, grpc.aio.AioRpcError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.05)
    raise RuntimeError("the bare server did not come up")


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
        base = stack.ports["gateway"]
        spawn = multiprocessing.get_context("spawn")
        echo_port, rest_port = base + 301, base + 302
        servers = [
            spawn.Process(target=echo_server, args=(echo_port,), daemon=True),
            spawn.Process(target=bare_rest, args=(rest_port, stack.database_url), daemon=True),
        ]
        for server in servers:
            server.start()
        try:
            return await _measured(stack, echo_port, rest_port)
        finally:
            for server in servers:
                server.terminate()
                server.join()


async def _measured(stack: Stack, echo_port: int, rest_port: int) -> Figures:
    token = stack.token("clerk", "62")
    metadata = (("authorization", f"Bearer {token}"),)
    intake = IntakeServiceStub(grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}"))
    say = grpc.aio.insecure_channel(f"127.0.0.1:{echo_port}").unary_unary("/bare.Echo/Say", None, None)
    report = report_pb2.Report(
        channel="CHANNEL_COUNTER", unit="units/620102", category="categories/neighbour",
        text="楼上漏水，天花板泡坏了，对方不赔。", people_affected=2,
    )  # fmt: skip
    key = uuid.uuid4().hex

    async def create(index: int) -> object:
        request = intake_pb2.CreateReportRequest(report=report, request_id=f"{key}-{time.time_ns()}-{index}")
        return await intake.CreateReport(request, metadata=metadata)

    async def echo(_: int) -> object:
        return await say(b"x" * 200)

    filed = await create(0)
    name = filed.name  # type: ignore[attr-defined]
    ours = Http(stack.ports["gateway"], f"/v1/{name}", f"Authorization: Bearer {token}\r\n")
    bare = Http(rest_port, f"/{name}")
    await asyncio.gather(until_up(echo), until_up(bare.get))
    kinds: dict[str, Call] = {"command": create, "echo": echo, "read": ours.get, "bare": bare.get}
    found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, call in kinds.items():
            found[kind].append(await measure(call))
    ours.close()
    bare.close()
    median = {
        kind: [statistics.median(column) for column in zip(*rounds, strict=True)] for kind, rounds in found.items()
    }

    def said(kind: str) -> str:
        rate, p50, p99 = median[kind]
        return f"{rate:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    return Figures(
        "c",
        "a unary command and a REST read at 50 concurrent clients",
        {
            "CreateReport over gRPC (one durable transaction)": said("command"),
            "bare grpc.aio echo": said("echo"),
            "ratio of rates": f"{median['command'][0] / median['echo'][0]:.2f}",
            "GET /v1/reports/{report} through the gateway": said("read"),
            "bare FastAPI route with one SELECT": said("bare"),
            "ratio of the rates": f"{median['read'][0] / median['bare'][0]:.2f}",
        },
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
