"""gRPC channels to the services: every call carries a token, the trace and a deadline."""

from __future__ import annotations

from typing import Any

import grpc
from opentelemetry import propagate

from services.kit.serving.limits import MAX_MESSAGE, MAX_METADATA
from services.kit.serving.tls import Tls, open_channel
from services.kit.serving.tokens import TokenMint

DEFAULT_TIMEOUT = 10.0
"""Seconds a unary call may take by default."""


def _outgoing(mint: TokenMint, service: str, details: Any, timeout: float | None) -> grpc.aio.ClientCallDetails:
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    metadata = [*(details.metadata or ()), *carrier.items(), ("authorization", mint.authorization(service))]
    return grpc.aio.ClientCallDetails(
        details.method,
        timeout if details.timeout is None else details.timeout,
        grpc.aio.Metadata(*metadata),
        details.credentials,
        details.wait_for_ready,
    )


class _Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, mint: TokenMint, service: str) -> None:
        self._mint, self._service = mint, service

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_outgoing(self._mint, self._service, client_call_details, DEFAULT_TIMEOUT), request)


class _Stream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, mint: TokenMint, service: str) -> None:
        self._mint, self._service = mint, service

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_outgoing(self._mint, self._service, client_call_details, None), request)


def channel(address: str, mint: TokenMint, service: str, tls: Tls | None = None) -> grpc.aio.Channel:
    """Return a channel to this service at `host:port`, with this machine client's tokens, valid for it only."""
    return open_channel(
        address,
        tls,
        interceptors=[_Unary(mint, service), _Stream(mint, service)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.absolute_max_metadata_size", MAX_METADATA),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ],
    )
