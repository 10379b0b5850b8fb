"""Maintenance: writes are refused in words, reads and clocks go on. Drain: who is told to stop finishes first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.stack import Stack
from services.kit.serving.maintenance import Notice
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import CALL, PATIENCE
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_backups import FIRED, accord
from tests.test_faults import running

ZH, EN = "十八点前升级完毕。", "The upgrade is over by six."
NEW = {
    "channel": "CHANNEL_COUNTER",
    "unit": f"units/{COUNTY}",
    "category": "categories/neighbour",
    "text": "楼道灯坏了。",
}


@pytest.fixture(scope="module")
async def fast(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    """Return clients of a stack of these tests, in which two days pass in a second."""
    state = tmp_path_factory.mktemp("fast")
    async with running(state, pace_settings(StateFolder.at(state), 172_800.0)) as (_, clients):
        yield clients


async def post(stack: Stack, language: str = "en", key: str = "") -> httpx.Response:
    """File a report over REST and return the answer."""
    headers = {"Authorization": f"Bearer {stack.token('clerk', COUNTY)}", "Accept-Language": language}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as rest:
        return await rest.post("/v1/reports", json=NEW, headers={"Idempotency-Key": key or request_id()})


async def until_status(stack: Stack, status: int) -> httpx.Response:
    """Return the first answer with this status."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await post(stack)).status_code != status:
            await asyncio.sleep(0.1)
    return answer


async def test_in_maintenance_writes_are_refused_in_words_and_reads_and_clocks_go_on(fast: Clients) -> None:
    stack, state = fast.stack, str(fast.stack.folder.root)
    report = await fast.file_report()
    try:
        on = await accord("maintenance", "on", "--minutes", "20", "--zh", ZH, "--en", EN, "--state", state)
        assert on.exit_code == 0, (on.output, on.exception)
        refused = await until_status(stack, 503)
        assert 1000 < int(refused.headers["Retry-After"]) <= 1200
        assert refused.json()["code"] == "MAINTENANCE"
        assert refused.json()["detail"].endswith(EN)
        assert (await post(stack, "zh")).json()["detail"].endswith(ZH)
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await fast.file_report()
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
        said = await accord("maintenance", "status", "--state", state)
        assert (said.exit_code, said.output.count("refuses writes until")) == (1, 3)
        # It is read, and its deadline passes: events are written, and the machine may write.
        read = intake_pb2.GetReportRequest(name=report.name)
        assert (await fast.intake.GetReport(read, **fast.as_("clerk"))).state == report_pb2.REPORT_STATE_RECEIVED
        await overdue(fast, report.name.removeprefix("reports/"))
        assert (await post(stack)).status_code == 503, "it was on all the time"
    finally:
        off = await accord("maintenance", "off", "--state", state)
    assert off.exit_code == 0
    assert (await until_status(stack, 200)).json()["name"].startswith("reports/")
    assert (await accord("maintenance", "status", "--state", state)).exit_code == 0


async def overdue(clients: Clients, number: str) -> None:
    """Wait until a deadline of a report passed."""
    connection = await Scratch.main(clients.stack).connect("intake")
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetch(FIRED.format("intake"), number):
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def test_maintenance_is_what_the_runbook_says(fast: Clients) -> None:
    said = await follow("Maintenance", STATE=fast.stack.folder.root)
    assert said.count("refuses writes until") == 3
    assert said.rstrip().endswith("writes are accepted")
    await until_status(fast.stack, 200)


def test_who_is_refused_is_told_when_to_come_again_and_not_at_once() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert Notice("", "", now + timedelta(minutes=2)).seconds(now) == 120
    assert Notice("", "", now - timedelta(minutes=2)).seconds(now) == 30, "it takes longer than was thought"


@pytest.mark.parametrize("process", ["intake", "gateway"])
async def test_a_process_that_is_told_to_stop_finishes_what_is_under_way(fast: Clients, process: str) -> None:
    stack, key = fast.stack, request_id()
    connection = await Scratch.main(stack).connect()
    try:
        async with asyncio.timeout(PATIENCE):
            # The call waits in the database for one that has the same key and is not over.
            held = connection.transaction()
            await held.start()
            await connection.execute(
                "INSERT INTO intake.requests (caller, request_id, body_hash) VALUES ($1, $2, '')", CLERK, key
            )
            call = asyncio.create_task(filed(fast, process, key))
            while not await connection.fetchval(WAITING):
                await asyncio.sleep(0.05)
            old = stack.kill(process, signal.SIGTERM)
            while not await refuses(stack.ports[process]):
                await asyncio.sleep(0.05)
            await held.rollback()
            name = await call
            await asyncio.to_thread(stack.await_restart, process, old)
        received = "SELECT count(*) FROM intake.events WHERE number = $1 AND kind = 'ReportReceived'"
        assert await connection.fetchval(received, name.removeprefix("reports/")) == 1
    finally:
        await connection.close()


CLERK = f"demo-clerk-{COUNTY}"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'accord_intake' AND wait_event = 'transactionid'"


async def filed(clients: Clients, by: str, key: str) -> str:
    """File a report at intake itself or at the gateway, and return its name."""
    if by == "gateway":
        answer = await post(clients.stack, key=key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["name"])
    new = report_pb2.Report(
        channel=report_pb2.CHANNEL_COUNTER, unit=NEW["unit"], category=NEW["category"], text=NEW["text"]
    )
    request = intake_pb2.CreateReportRequest(report=new, request_id=key)
    return str((await clients.intake.CreateReport(request, **clients.as_("clerk", COUNTY))).name)


async def refuses(port: int) -> bool:
    """Return whether nobody takes new connections any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False
