"""What production trusts: no demo issuer, a token for one service, for a bounded time; TLS between all processes."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import pytest
from pb.intake.v1 import intake_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub

from accord.embedded.keys import EMBEDDED_ISSUER, Keys, ensure_keys, mint, public_jwk
from accord.embedded.stack import Stack
from casework.errors import CaseError
from services.kit.serving.settings import ClientSettings, ProcessSettings, Profile, read_settings
from services.kit.serving.tls import Tls, open_channel
from services.kit.serving.tokens import DEMO, Limits, TokenChecker, TokenMint
from tests.certificates import certificates
from tests.conftest import COUNTY, Clients, request_id
from workflows.engine.runtime import dial

SERVICES = ("intake", "mediation", "escalation")
LISTS = "intake.ListReports"


def signed(key: Path, issuer: str, **claims: Any) -> str:
    """Return a token with these claims and no others, as an `authorization` value."""
    told = {"iss": issuer, "sub": issuer, "roles": ["clerk"], "unit": COUNTY, **claims}
    return "Bearer " + jwt.encode(told, key.read_bytes(), algorithm="ES256", headers={"kid": public_jwk(key)["kid"]})


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Return keys of a folder of its own."""
    return ensure_keys(tmp_path / "keys")


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("C14")
@pytest.mark.parametrize("service", SERVICES)
def test_a_machine_s_token_is_good_at_the_service_it_is_for_alone(service: str, keys: Keys) -> None:
    authorization = TokenMint("relay", keys.client("relay")).authorization(service)
    assert TokenChecker(keys.trust, service).check(authorization).subject == "accord-relay"
    for other in {*SERVICES} - {service}:
        with pytest.raises(CaseError, match="UNAUTHENTICATED"):
            TokenChecker(keys.trust, other).check(authorization)
    platform = f"Bearer {mint(keys.client('relay'), 'accord-relay', 'x', [], 'cn', _minutes(5))}"
    with pytest.raises(CaseError, match="UNAUTHENTICATED"):
        TokenChecker(keys.trust, service).check(platform)


def _minutes(number: int) -> Any:
    from datetime import timedelta

    return timedelta(minutes=number)


@pytest.mark.fault("C14")
async def test_running_services_refuse_a_token_that_was_given_for_another(clients: Clients) -> None:
    relay = TokenMint("relay", clients.stack.keys.client("relay"))
    for service, feed in clients.feeds.items():
        from pb.feed.v1 import feed_pb2

        ask = feed_pb2.GetConsumerRequest(service=service, consumer="relay")
        for meant in SERVICES:
            call = feed.GetConsumer(ask, metadata=(("authorization", relay.authorization(meant)),), timeout=20)
            if meant == service:
                await call
                continue
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.fault("C14")
def test_a_person_s_token_is_for_the_platform_or_for_this_service(keys: Keys) -> None:
    now = int(time.time())
    checker = TokenChecker(keys.trust, "intake")
    for audience in ("accord", "accord-intake", ["elsewhere", "accord-intake"]):
        assert checker.check(signed(keys.issuer, EMBEDDED_ISSUER, aud=audience, iat=now, exp=now + 60)).unit == COUNTY
    for audience in ("accord-mediation", "intake", ["accord-escalation"], []):
        with pytest.raises(CaseError, match="UNAUTHENTICATED"):
            checker.check(signed(keys.issuer, EMBEDDED_ISSUER, aud=audience, iat=now, exp=now + 60))


@pytest.mark.fault("C14")
def test_no_token_lives_longer_than_its_kind_may(keys: Keys) -> None:
    now = int(time.time())
    checker = TokenChecker(keys.trust, "intake", limits=Limits(person=3600, machine=600))
    person, machine = (keys.issuer, EMBEDDED_ISSUER, "accord"), (keys.client("relay"), "accord-relay", "accord-intake")
    for (key, issuer, audience), longest in ((person, 3600), (machine, 600)):
        assert checker.check(signed(key, issuer, aud=audience, iat=now, exp=now + longest))
        for claims in (
            {"iat": now, "exp": now + longest + 1},
            {"iat": now - longest, "exp": now + 1},
            {"exp": now + 60},
            {"iat": now, "exp": now + 10 * 365 * 86_400},
        ):
            with pytest.raises(CaseError, match="UNAUTHENTICATED"):
                checker.check(signed(key, issuer, aud=audience, **claims))


# --- the demo issuer --------------------------------------------------------------------------------------------------


def disguised(keys: Keys, folder: Path, how: str) -> Path:
    """Return a trust file with the demo issuer in it, not under its own name."""
    trust = json.loads(keys.trust.read_text("utf-8"))
    entry = next(each for each in trust["issuers"] if each["issuer"] == EMBEDDED_ISSUER)
    if how != "by its name":
        entry["issuer"] = "https://login.example"
    if how == "by its key":
        del entry["demo"]
    if how in ("by its name", "by its entry"):
        entry["jwks"]["keys"] = [{n: v for n, v in each.items() if n != DEMO} for each in entry["jwks"]["keys"]]
    if how == "by its name":
        del entry["demo"]
    path = folder / "trust.json"
    path.write_text(json.dumps(trust), "utf-8")
    return path


@pytest.mark.fault("C14")
@pytest.mark.parametrize("how", ["by its name", "by its entry", "by its key"])
def test_production_does_not_trust_the_demo_issuer(how: str, keys: Keys, tmp_path: Path) -> None:
    trust = disguised(keys, tmp_path, how)
    TokenChecker(trust, "intake")  # a demonstration may
    with pytest.raises(OSError, match="demo issuer"):
        TokenChecker(trust, "intake", limits=Limits(no_demo=True))


@pytest.mark.fault("C14")
def test_a_service_in_production_does_not_start_with_it(keys: Keys, tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ACCORD_")} | {
        "ACCORD_PROFILE": "production", "ACCORD_PLAINTEXT": "true", "ACCORD_LISTEN": "127.0.0.1:1",
        "ACCORD_TRUST_FILE": str(disguised(keys, tmp_path, "by its key")), "ACCORD_MASTER_KEY": "A" * 43 + "=",
        "ACCORD_DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
    }  # fmt: skip
    command = [sys.executable, "-m", "services.intake.main"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode != 0
    assert "demo issuer" in ended.stderr


@pytest.mark.fault("C14")
def test_the_keys_of_a_production_stack_hold_no_demo_issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_PROFILE", "production")
    made = ensure_keys(tmp_path / "keys")
    TokenChecker(made.trust, "intake", limits=Limits(no_demo=True))


# --- settings ---------------------------------------------------------------------------------------------------------


def said(kind: type[ProcessSettings], monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Return with what the settings of a production process are refused; empty where they are taken."""
    for name, value in {"profile": "production", "trust_file": "trust.json", **variables}.items():
        monkeypatch.setenv(f"ACCORD_{name.upper()}", value)
    try:
        assert read_settings(kind).profile is Profile.PRODUCTION
    except SystemExit as refused:
        return str(refused)
    return ""


FILES = {"tls_cert_file": "a.pem", "tls_key_file": "a.key", "tls_ca_file": "ca.pem"}


@pytest.mark.fault("C14")
def test_production_speaks_in_plain_only_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        assert "requires TLS: set tls_cert_file" in said(ProcessSettings, patch)
    with monkeypatch.context() as patch:
        assert said(ProcessSettings, patch, plaintext="true") == ""
    with monkeypatch.context() as patch:
        assert "or none of them" in said(ProcessSettings, patch, tls_cert_file="a.pem", plaintext="true")
    with monkeypatch.context() as patch:
        assert said(ProcessSettings, patch, **FILES) == ""
        assert "TLS to Temporal" in said(ClientSettings, patch, **FILES)
        for way in ("temporal_tls", "temporal_ca_file", "temporal_api_key"):
            with monkeypatch.context() as one:
                assert said(ClientSettings, one, **FILES, **{way: "true"}) == ""


# --- a whole stack over TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for each process, and one for a stranger."""
    folder = tmp_path_factory.mktemp("tls") / "own"
    return certificates(folder, *SERVICES, "worker", "relay", "gateway", "cli", "stranger", "temporal")


@pytest.fixture(scope="module")
def secured(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a whole stack whose processes speak TLS to each other."""
    with Stack(tmp_path_factory.mktemp("secured"), 0, settings={"ACCORD_TLS_FOLDER": str(authority)}) as running:
        yield running


def of(folder: Path, name: str) -> Tls:
    return Tls.read(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem")


async def ask(stack: Stack, tls: Tls | None, authorization: str) -> grpc.StatusCode:
    """Return how a list of reports is answered over a channel of this kind."""
    channel = open_channel(f"127.0.0.1:{stack.ports['intake']}", tls, [])
    try:
        await IntakeServiceStub(channel).ListReports(
            intake_pb2.ListReportsRequest(), metadata=(("authorization", authorization),), timeout=30
        )
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        await channel.close()
    return grpc.StatusCode.OK


@pytest.mark.fault("C14")
async def test_a_case_is_opened_by_processes_that_speak_tls_to_each_other(secured: Stack) -> None:
    headers = {"Authorization": f"Bearer {secured.token('duty_officer', COUNTY)}", "Accept-Language": "en"}
    report = {"channel": "CHANNEL_COUNTER", "unit": f"units/{COUNTY}", "category": "categories/neighbour",
              "text": "楼上漏水，天花板泡坏了。"}  # fmt: skip
    async with httpx.AsyncClient(base_url=secured.urls["api"], headers=headers, timeout=60) as rest:
        clerk = {"Authorization": f"Bearer {secured.token('clerk', COUNTY)}", "Idempotency-Key": request_id()}
        filed = (await rest.post("/v1/reports", json=report, headers=clerk)).json()
        key = {"Idempotency-Key": request_id()}
        accepted = await rest.post(f"/v1/{filed['name']}:accept", json={}, headers=key)
        assert accepted.status_code == 200, accepted.text
        handler = {"Authorization": f"Bearer {secured.token('handler', COUNTY)}"}
        async with asyncio.timeout(120):
            while (await rest.get(f"/v1/{filed['case']}", headers=handler)).status_code != 200:
                await asyncio.sleep(0.2)


@pytest.mark.fault("C14")
async def test_a_service_takes_calls_only_of_the_processes_it_names(
    secured: Stack, authority: Path, tmp_path: Path
) -> None:
    person = f"Bearer {secured.token('clerk', COUNTY)}"
    other = certificates(tmp_path / "other", "gateway")
    assert await ask(secured, of(authority, "gateway"), person) is grpc.StatusCode.OK
    assert await ask(secured, None, person) is grpc.StatusCode.UNAVAILABLE
    impostor = of(other, "gateway")
    trusting = Tls(impostor.certificate, impostor.key, of(authority, "gateway").authority)
    assert await ask(secured, trusting, person) is grpc.StatusCode.UNAVAILABLE
    assert await ask(secured, of(authority, "stranger"), person) is grpc.StatusCode.UNAUTHENTICATED
    with_none = grpc.aio.secure_channel(
        f"127.0.0.1:{secured.ports['intake']}", grpc.ssl_channel_credentials((authority / "ca.pem").read_bytes())
    )
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await IntakeServiceStub(with_none).ListReports(
            intake_pb2.ListReportsRequest(), metadata=(("authorization", person),), timeout=30
        )
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    await with_none.close()


@pytest.mark.fault("C14")
async def test_a_machine_s_token_counts_only_over_its_own_certificate(secured: Stack, authority: Path) -> None:
    token = TokenMint("cli", secured.keys.client("cli")).authorization("intake")
    assert await ask(secured, of(authority, "cli"), token) is grpc.StatusCode.OK
    assert await ask(secured, of(authority, "gateway"), token) is grpc.StatusCode.UNAUTHENTICATED


# --- Temporal ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def tls_before(port: int, folder: Path) -> AsyncIterator[int]:
    """Speak TLS, with certificates both ways, before a port that speaks in plain; yield the port it listens on."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "temporal.pem", folder / "temporal.key")
    context.set_alpn_protocols(["h2"])
    carrying: set[asyncio.Task[Any]] = set()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        for way in (carry(reader, inner_writer), carry(inner_reader, writer)):
            carrying.add(asyncio.create_task(way))

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


@pytest.mark.fault("C14")
async def test_temporal_is_reached_over_tls_with_a_certificate(stack: Stack, authority: Path) -> None:
    async with tls_before(stack.ports["temporal"], authority) as port:
        plain: dict[str, Any] = {"trust_file": stack.keys.trust, "temporal_address": f"127.0.0.1:{port}"}
        server = {**plain, "temporal_ca_file": authority / "ca.pem"}
        both = {"temporal_cert_file": authority / "worker.pem", "temporal_key_file": authority / "worker.key"}
        client = await dial(ClientSettings(**server, **both))
        assert (await client.count_workflows()).count >= 0
        for refused in (plain, server, {**plain, **both}):
            with pytest.raises(RuntimeError):
                await dial(ClientSettings(**refused))
