"""Fake services behind a real gateway: they answer every RPC of the contracts on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
import pytest_asyncio
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from casework.errors import CaseError, Reason
from services.gateway.app import Gateway
from services.gateway.main import config_of
from services.gateway.rest.contract import Contract, load
from services.gateway.routers.issuer import mint, public_jwk
from services.gateway.settings import SERVED_BY, GatewaySettings
from services.kit.serving import validation
from services.kit.serving.errors import language_of, status_of

CONTRACT: Contract = load()


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuer") / "issuer.pem"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


class FakeService:
    """Answers every RPC by echoing its name; some names stand for a refusal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[Any, dict[str, str]]] = []

    def handler(self, rpc: Any) -> Any:
        coders = {
            "request_deserializer": rpc.request.FromString,
            "response_serializer": rpc.response.SerializeToString,
        }
        if rpc.client_streaming:
            return grpc.stream_stream_rpc_method_handler(self._import(rpc), **coders)
        if rpc.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._watch(rpc), **coders)
        return grpc.unary_unary_rpc_method_handler(self._answer(rpc), **coders)

    def _answer(self, rpc: Any) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            metadata = dict(context.invocation_metadata())
            self.seen.append((request, metadata))
            try:
                self._refuse(request)
            except CaseError as error:
                await self._abort(context, error, metadata)
            response = rpc.response()
            fields = response.DESCRIPTOR.fields_by_name
            if "name" in fields:
                response.name = getattr(request, "name", "") or "made/1"
            if "etag" in fields:
                response.etag = "v1"
            if "content" in fields and "file_name" in fields:
                response.content, response.file_name = b"PK-all", "答复.docx"
            if rpc.name == "ListEvents":
                for number in (1, 2):
                    event = response.events.add(position=number, sequence=number, type="Past", case=request.case)
                    event.name = f"feeds/{self.name}/events/{number}"
                    event.occur_time.seconds = number * 10 + len(self.name)
            return response

        return answer

    @staticmethod
    def _refuse(request: Any) -> None:
        name = getattr(request, "name", "")
        if name.endswith("000404"):
            raise CaseError(Reason.NOT_FOUND, name)
        if name.endswith("000500"):
            raise RuntimeError("a secret of the inside")
        if name.endswith("000503"):
            raise CaseError(Reason.SERVICE_UNAVAILABLE)
        if getattr(request, "etag", "") not in ("", "v1"):
            raise CaseError(Reason.ETAG_MISMATCH)
        if getattr(request, "request_id", "") == "key-reused":
            raise CaseError(Reason.IDEMPOTENCY_KEY_REUSED)
        validation.check(request)

    @staticmethod
    async def _abort(context: Any, error: CaseError, metadata: dict[str, str]) -> None:
        status = status_of(error, language_of(metadata.get("accept-language", "")), metadata["traceparent"][3:35])
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        await context.abort(code, status.message, (("grpc-status-details-bin", status.SerializeToString()),))

    def _watch(self, rpc: Any) -> Any:
        if "chunk" in rpc.response.DESCRIPTOR.fields_by_name:
            return self._hand_out(rpc)

        async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
            self.seen.append((request, dict(context.invocation_metadata())))
            if request.consumer == "refused":
                await self._abort(context, CaseError(Reason.PERMISSION_DENIED), dict(context.invocation_metadata()))
            for number in range(request.after_position + 1, request.after_position + 3):
                response = rpc.response(position=number)
                response.events.add(position=number, sequence=number, type="Live", case=request.case)
                yield response
            if not request.until_caught_up:
                await asyncio.sleep(60)

        return watch

    @staticmethod
    def _hand_out(rpc: Any) -> Any:
        async def parts(request: Any, context: Any) -> AsyncIterator[Any]:
            first = rpc.response(chunk=b"PK")
            if "file_name" in rpc.response.DESCRIPTOR.fields_by_name:
                first.file_name = "清单 6201.xlsx"
            else:
                first.evidence.type, first.evidence.file_name = 1, '合同"\n.pdf'
            yield first
            yield rpc.response(chunk=b"-rest")

        return parts

    @staticmethod
    def _import(rpc: Any) -> Any:
        async def take(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            async for request in requests:
                response = rpc.response()
                for row in request.rows:
                    if row.report.unit == "enough":
                        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
                    response.results.add(row=row.row, report="reports/1")
                yield response

        return take


class Running:
    """A gateway that listens, its fake services and a client with a token."""

    def __init__(self, client: httpx.AsyncClient, services: dict[str, FakeService], gateway: Gateway) -> None:
        self.client, self.services, self.gateway = client, services, gateway


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


async def start_service(service: FakeService) -> tuple[grpc.aio.Server, str]:
    server = grpc.aio.server()
    handlers: dict[str, dict[str, Any]] = {}
    for rpc in CONTRACT.rpcs:
        if service.name in SERVED_BY[rpc.service]:
            handlers.setdefault(rpc.service, {})[rpc.name] = service.handler(rpc)
    for name, methods in handlers.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    checks = health.aio.HealthServicer()
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


@pytest_asyncio.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> AsyncIterator[Running]:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    trust = tmp_path_factory.mktemp("trust") / "trust.json"
    entry = {"issuer": "accord-embedded", "audience": "accord", "jwks": {"keys": [public_jwk(key)]}, "clients": False}
    trust.write_text(json.dumps({"issuers": [entry]}))
    services = {name: FakeService(name) for name in ("intake", "mediation", "escalation")}
    started = {name: await start_service(service) for name, service in services.items()}
    made = GatewaySettings(
        trust_file=trust,
        issuer_key_file=key_file,
        issuer_accounts_file=trust.with_name("accounts.json"),
        body_limit=200_000,
        heartbeat=0.2,
        **{f"{name}_address": address for name, (_, address) in started.items()},
    )
    gateway = Gateway(made)
    server = _Server(config_of(gateway, made))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    token = mint(key, "clerk-620102", ["clerk"], "620102")
    headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
        yield Running(client, services, gateway)
    gateway.stopping.set()
    server.should_exit = True
    await task
    for process, _ in started.values():
        await process.stop(0)
