"""Background loops: nothing stops one for good, not even a full disk, and readiness reports the state of each."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2

from accord.embedded.stack import Stack
from casework.errors import CaseError, Reason
from services.kit.serving import telemetry
from services.kit.serving.errors import is_exhausted
from services.kit.serving.loops import Loop, Loops
from services.kit.storage.database import is_transient
from tests.conftest import Clients, request_id
from tests.disks import a_disk, fill
from tests.scratch import Scratch
from tests.test_faults import running, sound

PATIENCE = 120.0


async def until(question: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until the answer is yes."""
    async with asyncio.timeout(seconds):
        while True:
            answer = question()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def loops() -> AsyncIterator[Loops]:
    """Loops that end with the test."""
    loops = Loops()
    yield loops
    await loops.stop()


def a_name() -> str:
    """Return a name no other test's loop has: metrics are the process's."""
    return f"loop-{uuid.uuid4().hex[:6]}"


FAULTS = [
    CaseError(Reason.SERVICE_UNAVAILABLE), OSError(errno.ENOSPC, "no space"), RuntimeError("?"),
    asyncio.CancelledError(), TimeoutError(), None,
]  # fmt: skip


@pytest.mark.fault("E2")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_loop_that_fails_is_started_again_however_it_failed(loops: Loops, fault: BaseException | None) -> None:
    name, tries, mended = a_name(), 0, asyncio.Event()

    async def work(loop: Loop) -> None:
        nonlocal tries
        tries += 1
        if mended.is_set():
            loop.turned()
            await asyncio.Event().wait()
        if fault:
            raise fault

    loops.start(name, work)
    await until(lambda: tries > 1)
    assert not loops.well
    assert loops.standing()[name] != "well"
    mended.set()
    await until(lambda: loops.well)


@pytest.mark.fault("E2")
async def test_a_loop_survives_that_nobody_can_be_told_of_its_fault(
    loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    tries = 0

    async def work(loop: Loop) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError(str(tries))
        loop.turned()
        await asyncio.Event().wait()

    monkeypatch.setattr("services.kit.serving.loops.log", SimpleNamespace(info=full, warning=full, error=full))
    loops.start(a_name(), work)
    await until(lambda: loops.well)


async def test_a_loop_that_hangs_is_not_well(loops: Loops) -> None:
    name = a_name()

    async def work(loop: Loop) -> None:
        loop.turned()
        loop.begin()
        await asyncio.Event().wait()

    loops.start(name, work, within=0.1)
    await until(lambda: loops.standing()[name].startswith("hangs"))


@pytest.mark.fault("E2")
def test_a_line_that_cannot_be_written_is_dropped_and_counted() -> None:
    class Full:
        def write(self, line: str = "") -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

        flush = write

    before = telemetry.LOST_LINES._value.get()
    structlog.WriteLogger(telemetry._Unshaken(Full())).msg("hello")  # type: ignore[arg-type]
    assert telemetry.LOST_LINES._value.get() == before + 1


@pytest.mark.fault("E2")
def test_what_ran_out_is_no_fault_of_the_request() -> None:
    assert is_transient(asyncpg.DiskFullError())
    assert is_transient(asyncpg.OutOfMemoryError())
    assert is_transient(asyncpg.exceptions.PostgresIOError())
    assert is_transient(asyncpg.ReadOnlySQLTransactionError())
    assert not is_transient(asyncpg.UniqueViolationError())
    assert is_exhausted(OSError(errno.ENOSPC, ""))
    assert not is_exhausted(OSError(errno.ENOENT, ""))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 700 MB of its own, in memory."""
    with a_disk(tmp_path / "disk", "700m") as disk:
        yield disk


async def use_up(stack: Stack) -> None:
    """Let the database use up what it had set aside, until it says that the disk is full, or goes down over it."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await Scratch.main(stack).connect()
        for _ in range(100):
            await connection.execute("SELECT pg_switch_wal()")
            await connection.execute("CREATE TABLE IF NOT EXISTS junk AS SELECT repeat(md5(random()::text), 20) AS it")
            await connection.execute("INSERT INTO junk SELECT it FROM junk")


async def health(clients: Clients, service: str) -> bool:
    """Return whether a service says that all of it is well."""
    stub = health_pb2_grpc.HealthStub(clients.channels[service])
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def ready(url: str) -> bool:
    """Return whether the gateway says that everything is ready."""
    async with httpx.AsyncClient(timeout=10) as client:
        try:
            return (await client.get(f"{url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False


async def refused(clients: Clients, count: int) -> set[grpc.StatusCode]:
    """File reports and return with what codes they were refused."""
    codes = set()
    for _ in range(count):
        try:
            await clients.file_report()
        except grpc.aio.AioRpcError as error:
            codes.add(error.code())
    return codes


async def is_refused(clients: Clients, case: str) -> bool:
    """Return whether mediation says that it cannot start a clock of this case now."""
    request = clock_pb2.StartClockRequest(
        service="mediation", case=case, rule="civil_limitation", request_id=request_id()
    )
    try:
        await clients.clocks["mediation"].StartClock(request, **clients.as_("handler", "62"))
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


async def heals(clients: Clients, url: str) -> None:
    """Wait until a report can be filed and accepted again, its case opened, its event told, and all is ready."""

    async def lives() -> bool:
        try:
            return bool(await clients.accept(await clients.file_report()))
        except (grpc.aio.AioRpcError, TimeoutError):
            return False

    await until(lives)
    report = await clients.file_report()
    request = feed_pb2.WatchEventsRequest(service="intake", only_waking=True)
    stream = clients.feeds["intake"].WatchEvents(request, **clients.as_service() | {"timeout": PATIENCE})
    async for batch in stream:
        if any(event.case == report.case for event in batch.events):
            break
    await until(lambda: ready(url))


@pytest.mark.chaos
@pytest.mark.fault("E2")
async def test_a_full_disk_heals_by_itself_and_everybody_was_told_to_try_again(small_disk: Path) -> None:
    async with running(small_disk / "state") as (stack, clients):
        url = stack.urls["api"]
        case = await clients.accept(await clients.file_report())
        filler = fill(small_disk)
        await use_up(stack)
        codes = await refused(clients, 25)
        await until(lambda: _not(health(clients, "intake")))
        # No loop of mediation has anything to write: what a person was refused tells it.
        await until(lambda: is_refused(clients, case.name))
        await until(lambda: _not(health(clients, "mediation")))
        codes |= await refused(clients, 10)
        assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}, codes
        assert grpc.StatusCode.UNAVAILABLE in codes
        assert not await ready(url)
        filler.unlink()
        await heals(clients, url)
        await sound(stack)


@pytest.mark.chaos
@pytest.mark.fault("E2")
async def test_a_lost_database_and_a_lost_engine_heal_by_themselves(tmp_path: Path) -> None:
    async with running(tmp_path) as (stack, clients):
        url = stack.urls["api"]
        for engine in ("postgres", "temporal"):
            await clients.accept(await clients.file_report())
            # It hangs rather than ends: what ends is back in a second.
            pid = await asyncio.to_thread(stack.kill, engine, signal.SIGSTOP)
            if engine == "temporal":
                page = f"http://127.0.0.1:{stack.ports['relay_metrics']}"
                await until(lambda page=page: _not(ready(page)))
            await asyncio.to_thread(stack.kill, engine)
            await asyncio.to_thread(stack.await_restart, engine, pid, PATIENCE)
            await heals(clients, url)
        await sound(stack)


async def _not(answer: Any) -> bool:
    return not await answer
