"""Temporal client and runtime of a process: metrics, tracing, waiting for a server that is not yet up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client, Interceptor
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.service import RPCError, TLSConfig

from services.kit.serving.loops import Loop
from services.kit.serving.settings import ClientSettings

log = structlog.get_logger()

_EVERY = 5.0
_TIMEOUT = timedelta(seconds=5)


def temporal_tls(settings: ClientSettings) -> TLSConfig | bool:
    """Return the TLS settings for Temporal, False for plaintext; ends the process if a file cannot be read."""
    if not settings.speaks_tls_to_temporal:
        return False
    files = settings.temporal_ca_file, settings.temporal_cert_file, settings.temporal_key_file
    try:
        authority, certificate, key = (each.read_bytes() if each else None for each in files)
    except OSError as error:
        raise SystemExit(f"ACCORD_TEMPORAL_…_FILE: {error.filename}: {error.strerror}") from None
    return TLSConfig(
        server_root_ca_cert=authority, client_cert=certificate, client_private_key=key,
        domain=settings.temporal_server_name or None,
    )  # fmt: skip


async def dial(settings: ClientSettings, *interceptors: Interceptor) -> Client:
    """Return a client of the configured Temporal server, or raise if it does not respond."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        tls=temporal_tls(settings),
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        interceptors=interceptors,
    )


async def connect(settings: ClientSettings) -> Client:
    """Return a client of the Temporal server; waits for a server that is not up yet."""
    delay = 0.2
    while True:
        try:
            return await dial(settings, TracingInterceptor(always_create_workflow_spans=False))
        except (RuntimeError, RPCError) as error:
            log.warning("temporal is not reachable", address=settings.temporal_address, error=type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)


async def watch_engine(loop: Loop, client: Client) -> None:
    """Check for ever whether Temporal responds: the client itself waits silently."""
    while True:
        loop.begin()
        try:
            well = await client.service_client.check_health(timeout=_TIMEOUT)
        except RPCError:
            well = False
        if not well:
            raise ConnectionError("Temporal does not respond")
        loop.turned()
        await asyncio.sleep(_EVERY)
