"""Temporal client and runtime of a process: metrics, tracing, patience while the server is not yet there."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.service import RPCError

from services.kit.loops import Loop
from services.kit.settings import ClientSettings

log = structlog.get_logger()

_EVERY = 5.0
_TIMEOUT = timedelta(seconds=5)


async def connect(settings: ClientSettings) -> Client:
    """Return a client of the Temporal server; waits for a server that is not there yet."""
    delay = 0.2
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                interceptors=[TracingInterceptor(always_create_workflow_spans=False)],
            )
        except (RuntimeError, RPCError) as error:
            log.warning("temporal is not reachable", address=settings.temporal_address, error=type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)


async def watch_engine(loop: Loop, client: Client) -> None:
    """Look, for ever, whether the engine is there: the client itself waits for it and says nothing."""
    while True:
        loop.begin()
        if not await client.service_client.check_health(timeout=_TIMEOUT):
            raise ConnectionError("the engine does not serve")
        loop.turned()
        await asyncio.sleep(_EVERY)
