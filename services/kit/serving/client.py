"""gRPC channels to the services: every call carries a token, the trace and a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

import grpc
from google.protobuf.message import Message
from opentelemetry import propagate

from services.kit.serving.limits import MAX_MESSAGE, MAX_METADATA
from services.kit.serving.tls import Tls, open_channel
from services.kit.serving.tokens import TokenMint

DEFAULT_TIMEOUT = 10.0
"""Seconds a unary call may take by default."""


def _outgoing(
    mint: TokenMint, service: str, details: grpc.aio.ClientCallDetails, timeout: float | None
) -> grpc.aio.ClientCallDetails:
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


_Replies = grpc.aio.UnaryStreamCall[Message, Message]
_Reply = grpc.aio.StreamUnaryCall[Message, Message]
_Sent = AsyncIterable[Message] | Iterable[Message]


class _Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, mint: TokenMint, service: str) -> None:
        self._mint, self._service = mint, service

    async def intercept_unary_unary(
        self, continuation: Callable[[grpc.aio.ClientCallDetails, Message], Awaitable[Message]],
        client_call_details: grpc.aio.ClientCallDetails, request: Message,
    ) -> Message:  # fmt: skip
        return await continuation(_outgoing(self._mint, self._service, client_call_details, DEFAULT_TIMEOUT), request)


class _Stream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, mint: TokenMint, service: str) -> None:
        self._mint, self._service = mint, service

    async def intercept_unary_stream(  # type: ignore[override]  # Its stubs forget that the call is awaited.
        self, continuation: Callable[[grpc.aio.ClientCallDetails, Message], Awaitable[_Replies]],
        client_call_details: grpc.aio.ClientCallDetails, request: Message,
    ) -> _Replies:  # fmt: skip
        return await continuation(_outgoing(self._mint, self._service, client_call_details, None), request)


class _Upload(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, mint: TokenMint, service: str) -> None:
        self._mint, self._service = mint, service

    async def intercept_stream_unary(  # type: ignore[override]  # As above.
        self, continuation: Callable[[grpc.aio.ClientCallDetails, _Sent], Awaitable[_Reply]],
        client_call_details: grpc.aio.ClientCallDetails, request_iterator: _Sent,
    ) -> _Reply:  # fmt: skip
        outgoing = _outgoing(self._mint, self._service, client_call_details, None)
        return await continuation(outgoing, request_iterator)


def channel(address: str, mint: TokenMint, service: str, tls: Tls | None = None) -> grpc.aio.Channel:
    """Return a channel to this service at `host:port`, with this machine client's tokens, valid for it only."""
    return open_channel(
        address,
        tls,
        interceptors=[_Unary(mint, service), _Stream(mint, service), _Upload(mint, service)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.absolute_max_metadata_size", MAX_METADATA),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ],
    )
