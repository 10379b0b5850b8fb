"""What a caller is kept from is looked up before any answer: by the pipeline, or by the handler itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from pb.intake.v1 import intake_pb2, intake_pb2_grpc, report_pb2

from accord.rules_place import SHIPPED
from services.gateway.routers.issuer import load_key, mint, public_jwk
from services.kit.serving.access import Access, current_call
from services.kit.serving.request import exclusions
from services.kit.serving.server import Pipeline
from services.kit.serving.settings import ServiceSettings
from services.kit.serving.tokens import TokenChecker
from tests.conftest import COUNTY
from tests.gateway_fakes import key_file
from tests.patience import CALL
from tests.still import shipped_rules

__all__ = ["key_file"]
REQUEST = intake_pb2.GetReportRequest(name=f"reports/{COUNTY}-2026-000117")
Answer = Callable[[], Awaitable[report_pb2.Report]]


async def forgets() -> report_pb2.Report:
    """Decide access and answer, no more."""
    current_call().require(COUNTY)
    return report_pb2.Report(name=REQUEST.name)


async def looks_up() -> report_pb2.Report:
    """Look up first what the caller is kept from."""
    await exclusions.look_up(current_call(), None, REQUEST)
    exclusions.admit(REQUEST, current_call())
    return await forgets()


class Marked(intake_pb2_grpc.IntakeServiceServicer):
    """Says that it looks up by itself."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @exclusions.by_itself
    async def GetReport(self, request: Any, context: Any) -> report_pb2.Report:
        """Return a report."""
        return await self._answer()


class Unmarked(intake_pb2_grpc.IntakeServiceServicer):
    """Leaves it to the pipeline."""

    async def GetReport(self, request: Any, context: Any) -> report_pb2.Report:
        """Return a report."""
        return await forgets()


@asynccontextmanager
async def serving(servicer: intake_pb2_grpc.IntakeServiceServicer, trust: Path) -> AsyncIterator[Any]:
    """Serve it behind the pipeline that every service has, without a database; give its stub."""
    settings = ServiceSettings(
        trust_file=trust, listen="127.0.0.1:0", database_url="postgresql://nowhere", master_key="none"
    )  # fmt: skip
    access = Access(settings.rules / "access", shipped_rules(SHIPPED).units)
    service = intake_pb2.DESCRIPTOR.services_by_name["IntakeService"]
    server = grpc.aio.server(interceptors=[Pipeline([service], TokenChecker(trust, "intake"), access, settings)])
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield intake_pb2_grpc.IntakeServiceStub(channel)
    finally:
        await server.stop(None)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Path:
    """Return a trust file with one issuer."""
    path = tmp_path_factory.mktemp("trust") / "trust.json"
    entry = {
        "issuer": "accord-embedded", "audience": "accord", "jwks": {"keys": [public_jwk(load_key(key_file))]},
        "clients": False,
    }  # fmt: skip
    path.write_text(json.dumps({"issuers": [entry]}), "utf-8")
    return path


@pytest.mark.parametrize("servicer", [Unmarked(), Marked(looks_up)], ids=["by the pipeline", "by itself"])
async def test_what_was_looked_up_is_answered(servicer: Any, trust: Path, key_file: Path) -> None:
    async with serving(servicer, trust) as stub:
        assert (await stub.GetReport(REQUEST, metadata=as_clerk(key_file), timeout=CALL)).name == REQUEST.name


async def test_a_handler_that_says_it_looks_up_by_itself_and_does_not_answers_nothing(
    trust: Path, key_file: Path
) -> None:
    async with serving(Marked(forgets), trust) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as fault:
            await stub.GetReport(REQUEST, metadata=as_clerk(key_file), timeout=CALL)
    assert fault.value.code() is grpc.StatusCode.INTERNAL


def as_clerk(key_file: Path) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call as a clerk of the county."""
    return (("authorization", f"Bearer {mint(load_key(key_file), 'a-clerk', ['clerk'], COUNTY)}"),)
