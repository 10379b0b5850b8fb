"""Whether the gateway lives, and whether what it needs is ready. Its metrics are on a port of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.gateway.backend import Backend, statuses


def routes(backends: Callable[[], dict[str, Backend]], stopping: asyncio.Event) -> list[Route]:
    """Return the routes `/healthz` and `/readyz`."""

    async def alive(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> JSONResponse:
        found = await statuses(backends())
        good = all(status == "SERVING" for status in found.values()) and not stopping.is_set()
        body = {
            "status": "ready" if good else "stopping" if stopping.is_set() else "not ready",
            "backends": [{"name": name, "status": status} for name, status in found.items()],
        }
        return JSONResponse(body, status_code=200 if good else 503, headers={"cache-control": "no-store"})

    return [Route("/healthz", alive), Route("/readyz", ready)]
