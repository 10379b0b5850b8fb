"""What one caller may take: calls a minute, calls at a time, headers, bodies, time. Who takes too much is told when to
come again, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from pb.mediation.v1 import evidence_pb2
from pb.mediation.v1.evidence_pb2_grpc import EvidenceServiceStub

from accord.embedded.stack import Stack
from services.gateway.app import Gateway
from services.gateway.main import config_of
from services.gateway.routers.issuer import load_key, mint, public_jwk
from services.gateway.settings import GatewaySettings
from services.kit.serving.errors import status_of
from services.kit.serving.limits import HttpLimitSettings, LimitSettings, Quota, Use
from services.kit.serving.tokens import Caller
from tests.conftest import COUNTY, Clients, request_id
from tests.gateway_fakes import FakeService, _Server, key_file, start_service
from tests.test_evidence import pdf

__all__ = ["key_file"]

pytestmark = pytest.mark.fault("D2")
CASE = "cases/620102-2026-000117"


class Door:
    """A gateway with small bounds, and ways to it that no good client takes."""

    def __init__(self, port: int, key: Any) -> None:
        self.port, self._key = port, key

    def bearer(self, subject: str) -> dict[str, str]:
        return {"authorization": f"Bearer {mint(self._key, subject, ['clerk'], '620102')}", "accept-language": "en"}

    def client(self, subject: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=self.bearer(subject), timeout=30)

    async def answer(self, sent: bytes) -> bytes:
        """Send bytes and return all that is answered before the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()


@pytest_asyncio.fixture(scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> AsyncIterator[Door]:
    key = load_key(key_file)
    trust = tmp_path_factory.mktemp("trust") / "trust.json"
    entry = {"issuer": "accord-embedded", "audience": "accord", "jwks": {"keys": [public_jwk(key)]}, "clients": False}
    trust.write_text(json.dumps({"issuers": [entry]}))
    started = {name: await start_service(FakeService(name)) for name in ("intake", "mediation", "escalation")}
    made = GatewaySettings(
        trust_file=trust, issuer_key_file=key_file, limit_rate_person="20/hour", limit_header_seconds=0.5,
        limit_body_seconds=0.5, limit_idle=0.5, limit_connections=50, limit_watches=2, heartbeat=0.2,
        **{f"{name}_address": address for name, (_, address) in started.items()},
    )  # fmt: skip
    gateway = Gateway(made)
    server = _Server(config_of(gateway, made))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    yield Door(server.servers[0].sockets[0].getsockname()[1], key)
    gateway.stopping.set()
    server.should_exit = True
    await task
    for process, _ in started.values():
        await process.stop(0)


async def test_who_asks_too_often_is_told_when_to_come_again_and_nobody_else_is(door: Door) -> None:
    async with door.client("greedy") as greedy, door.client("modest") as modest:
        answers = [await greedy.get(f"/v1/{CASE}") for _ in range(25)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
        refused = answers[-1]
        assert refused.json()["code"] == "TOO_MANY_REQUESTS"
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert (await modest.get(f"/v1/{CASE}")).status_code == 200


async def test_a_watcher_of_too_many_feeds_is_refused(door: Door) -> None:
    async with door.client("watcher") as client, contextlib.AsyncExitStack() as open_:
        path = "/v1/feeds/intake/events:watch"
        for _ in range(2):
            assert (await open_.enter_async_context(client.stream("GET", path))).status_code == 200
        refused = await client.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await client.get(f"/v1/{CASE}")).status_code == 200


HEADS = {
    "many headers": b"GET /v1/x HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 5_000 + b"\r\n",
    "one long header": b"GET /v1/x HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    "a header without end": b"GET /v1/x HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 100_000,
    "a long address": b"GET /v1/" + b"y" * 100_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "an address without end": b"GET /v1/" + b"y" * 100_000,
}


@pytest.mark.parametrize("kind", HEADS)
async def test_headers_have_bounds(kind: str, door: Door) -> None:
    answer = await door.answer(HEADS[kind])
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer
    assert b"HEADERS_TOO_LARGE" in answer


async def test_what_is_no_http_is_a_problem_too(door: Door) -> None:
    assert b"MALFORMED_REQUEST" in await door.answer(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")


async def test_connections_that_send_nothing_or_too_slowly_end_by_themselves(door: Door) -> None:
    bearer = door.bearer("slow")["authorization"].encode()
    post = b"POST /v1/cases/620102-2026-000117:close HTTP/1.1\r\nhost: a\r\nauthorization: " + bearer + b"\r\n"
    silent = [door.answer(b"") for _ in range(40)]
    begun = [door.answer(b"GET /v1/cases HTTP/1.1\r\nhost: a\r\n") for _ in range(3)]
    half = [door.answer(post + b"idempotency-key: key-00000001\r\ncontent-length: 1000\r\n\r\n{") for _ in range(3)]
    unread = [door.answer(b"POST /v1/cases HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{") for _ in range(3)]
    answers = await asyncio.gather(*silent, *begun, *half, *unread)
    assert set(answers[:40]) == {b""}
    assert all(b" 408 " in answer for answer in answers[40:46])
    assert all(b" 401 " in answer for answer in answers[46:])


async def test_a_sender_that_never_stops_but_never_ends_is_cut_off(door: Door) -> None:
    """A byte now and then keeps a connection from being silent; the whole must have come in its time all the same."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(30):
            writer.write(b"GET /v1/cases HTTP/1.1\r\nhost: a\r\nx: ")
            ended = asyncio.create_task(reader.read())
            while not ended.done():
                writer.write(b"y")
                await asyncio.wait([ended], timeout=0.1)
            assert b" 408 " in await ended
    writer.close()


async def test_idle_connections_make_room_for_new_ones(door: Door) -> None:
    held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(60)]
    async with door.client("new") as client:
        assert (await client.get(f"/v1/{CASE}")).status_code == 200
    for _, writer in held:
        writer.close()


async def test_a_share_makes_one_caller_wait_and_no_other() -> None:
    quota = Quota(LimitSettings(limit_calls_person=2, limit_waiting=3))
    one, other = Caller("one", frozenset(), "62"), Caller("other", frozenset(), "62")
    under_way, go = 0, asyncio.Event()

    async def work(caller: Caller) -> str:
        nonlocal under_way
        async with quota.turn(caller, Use.CALL):
            under_way += 1
            await go.wait()
            under_way -= 1
            return "done"

    crowd = [asyncio.create_task(work(one)) for _ in range(9)]
    refused, _ = await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
    assert under_way == 2
    alone = asyncio.create_task(work(other))
    while under_way < 3:
        await asyncio.sleep(0)
    go.set()
    assert await alone == "done"
    found = await asyncio.gather(*crowd, return_exceptions=True)
    assert [result for result in found if result == "done"] == ["done"] * 5
    errors = [error for error in found if isinstance(error, Exception)]
    assert {str(error.reason) for error in errors} == {"TOO_MANY_REQUESTS"}  # type: ignore[attr-defined]
    assert len(refused) <= len(errors) == 4
    assert not quota._turns


async def test_a_service_refuses_with_the_time_to_come_again() -> None:
    quota = Quota(LimitSettings(limit_rate_person="2/minute", limit_rate_machine="3/minute"))
    person, machine = Caller("p", frozenset(), "62"), Caller("m", frozenset(), "cn", machine=True)
    for caller, most in ((person, 2), (machine, 3)):
        for _ in range(most):
            await quota.count(caller)
        with pytest.raises(Exception, match="TOO_MANY_REQUESTS") as refused:
            await quota.count(caller)
        status = status_of(refused.value, "en")  # type: ignore[arg-type]
        assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        retry = error_details_pb2.RetryInfo()
        assert any(detail.Unpack(retry) for detail in status.details)
        assert 0 < retry.retry_delay.seconds <= 60


async def test_idle_uploads_block_nobody(clients: Clients, stack: Stack) -> None:
    case = (await clients.accept(await clients.file_report())).name
    stub = EvidenceServiceStub(clients.channels["mediation"])
    go = asyncio.Event()

    async def parts(wait: bool) -> AsyncIterator[evidence_pb2.UploadEvidenceRequest]:
        evidence = evidence_pb2.Evidence(type=evidence_pb2.FILE_TYPE_PDF, title="合同")
        header = evidence_pb2.EvidenceHeader(parent=case, evidence=evidence, request_id=request_id())
        yield evidence_pb2.UploadEvidenceRequest(header=header)
        if wait:
            await go.wait()
        yield evidence_pb2.UploadEvidenceRequest(chunk=pdf(1_000))

    # A deadline of its own: the service waits for the slow ones as long as they ask.
    slow = [
        asyncio.ensure_future(stub.UploadEvidence(parts(True), **clients.as_("mediator", sub=f"slow-{number}")))
        for number in range(8)
    ]
    done = await stub.UploadEvidence(parts(False), **clients.as_("mediator", COUNTY))
    assert done.name
    go.set()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_many_calls_of_one_caller_leave_room_for_another(clients: Clients, rest: httpx.AsyncClient) -> None:
    """Two hundred papers of one caller; while they are made another one's call is answered before the last of them."""
    case = (await clients.accept(await clients.file_report())).name
    head = {"Authorization": f"Bearer {clients.stack.token('mediator', COUNTY)}"}
    other = {"Authorization": f"Bearer {clients.stack.token('handler', COUNTY)}"}
    async with httpx.AsyncClient(base_url=clients.stack.urls["api"], headers=other, timeout=60) as client:
        assert (await client.get(f"/v1/{case}")).status_code == 200, "the other one is there before it begins"
        many = [asyncio.create_task(rest.get(f"/v1/{case}/dossier", headers=head)) for _ in range(200)]
        await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
        assert (await client.get(f"/v1/{case}")).status_code == 200
        assert not all(task.done() for task in many)
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


def test_every_bound_is_documented_with_its_default() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "operating.md").read_text("utf-8")
    for name, setting in {**HttpLimitSettings.model_fields, **LimitSettings.model_fields}.items():
        rows = [line for line in page.splitlines() if f"`ACCORD_{name.upper()}`" in line]
        assert rows, name
        assert (
            f"{setting.default:g}" in rows[0] if isinstance(setting.default, float) else str(setting.default) in rows[0]
        )


async def test_metrics_are_not_on_the_public_port(stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{stack.urls['api']}/metrics")).status_code == 404
        page = await client.get(f"http://127.0.0.1:{stack.ports['gateway_metrics']}/metrics")
    assert "accord_http_requests_total" in page.text
