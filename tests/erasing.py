"""Erasing in tests: asked for by one head of the unit, done by another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pb.mediation.v1 import erasure_pb2 as pb
from pb.mediation.v1.erasure_pb2_grpc import ErasureServiceStub

from tests.conftest import COUNTY, Clients, request_id


def stub(clients: Clients) -> ErasureServiceStub:
    """Return the stub of erasures."""
    return ErasureServiceStub(clients.channels["mediation"])


def head(clients: Clients, sub: str) -> dict[str, Any]:
    """Return the access of a head of the county."""
    return clients.as_("unit_head", COUNTY, sub)


async def requested(clients: Clients, case: str, ground: int = 3, **fields: Any) -> pb.CaseErasure:
    """Ask for an erasure, on an order unless told otherwise."""
    request = pb.RequestErasureRequest(
        name=case, ground=ground, evidence="order-1", request_id=request_id(), **fields
    )  # type: ignore[arg-type]  # fmt: skip
    answer: pb.CaseErasure = await stub(clients).RequestErasure(request, **head(clients, "head-one"))
    return answer


async def erased(clients: Clients, case: str, sub: str = "head-two") -> pb.CaseErasure:
    """Erase what was asked for."""
    request = pb.EraseCaseDataRequest(name=case, request_id=request_id())
    answer: pb.CaseErasure = await stub(clients).EraseCaseData(request, **head(clients, sub))
    return answer


async def until(clients: Clients, case: str, found: Callable[[pb.CaseErasure], bool]) -> pb.CaseErasure:
    """Return how an erasure stands once that is so: the other services follow."""
    async with asyncio.timeout(120):
        while True:
            request = pb.GetErasureRequest(name=f"{case}/erasure")
            answer: pb.CaseErasure = await stub(clients).GetErasure(request, **head(clients, "head-one"))
            if found(answer):
                return answer
            await asyncio.sleep(0.2)
