"""Whether the gateway is alive, and whether its backends are ready. Metrics have their own port."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from services.gateway.rest.backend import Backend, statuses
from services.gateway.routers.operations import READ

TAG = {"name": "Operations", "description": "Health of the gateway."}
router = APIRouter(tags=[TAG["name"]])


class BackendHealth(BaseModel):
    """The reported health of one service; `SERVING` for ready."""

    name: str
    status: str


class Readiness(BaseModel):
    """Whether requests can be served, and by which services."""

    status: str
    backends: list[BackendHealth]


async def _backends(request: Request) -> dict[str, Backend]:
    backends: dict[str, Backend] = request.app.state.backends
    return backends


async def _stopping(request: Request) -> bool:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping.is_set()


@router.api_route("/healthz", methods=READ, operation_id="getLiveness", summary="Checks that the process is alive")
async def alive() -> dict[str, Any]:
    """Respond as long as the process can."""
    return {"status": "ok"}


@router.api_route(
    "/readyz",
    methods=READ,
    operation_id="getReadiness",
    summary="Checks whether every backend is ready",
    responses={503: {"description": "A backend is not ready.", "model": Readiness}},
)
async def ready(
    response: Response,
    backends: Annotated[dict[str, Backend], Depends(_backends)],
    stopping: Annotated[bool, Depends(_stopping)],
) -> Readiness:
    """Return 200 if every backend is ready and the process is not stopping, 503 otherwise."""
    found = await statuses(backends)
    good = all(status == "SERVING" for status in found.values()) and not stopping
    response.headers["cache-control"] = "no-store"
    response.status_code = 200 if good else 503
    return Readiness(
        status="ready" if good else "stopping" if stopping else "not ready",
        backends=[BackendHealth(name=name, status=status) for name, status in found.items()],
    )
