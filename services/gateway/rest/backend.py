"""The services behind the gateway: one channel each, and the callables of their RPCs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc.aio
from grpc.aio import EOF  # type: ignore[attr-defined]
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.gateway.rest.contract import Rpc
from services.kit.serving.tls import Tls, open_channel

__all__ = ["EOF", "Backend", "statuses"]

# A service restarts in a second: reconnect fast, and retry calls that found it down. Every write carries a key, so a
# retry is safe.
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.max_send_message_length", 8 * 1024 * 1024),
    # An error with its details comes as metadata; between the library's own two limits it is lost at random.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Servers treat more than one ping in five minutes without data as abuse and close the connection.
    ("grpc.keepalive_time_ms", 330_000),
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        "name": [{}],
                        "retryPolicy": {
                            "maxAttempts": 3,
                            "initialBackoff": "0.05s",
                            "maxBackoff": "0.5s",
                            "backoffMultiplier": 3,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    }
                ]
            }
        ),
    ),
]


class Backend:
    """One service: its name and its channel. Made inside the running event loop."""

    def __init__(self, name: str, address: str, tls: Tls | None = None) -> None:
        self.name = name
        self.channel = open_channel(address, tls, _OPTIONS)
        self._health = health_pb2_grpc.HealthStub(self.channel)

    def callable(self, rpc: Rpc) -> Callable[..., Any]:
        """Return the callable of an RPC, of the kind for its streaming."""
        kind = ("stream" if rpc.client_streaming else "unary") + "_" + ("stream" if rpc.server_streaming else "unary")
        made: Callable[..., Any] = getattr(self.channel, kind)(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )
        return made

    async def status(self, timeout: float = 1.0) -> str:
        """Return the service's health, `SERVING` for ready; `UNREACHABLE` if it does not respond."""
        try:
            answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return "UNREACHABLE"
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    async def close(self) -> None:
        """Close the channel; calls in flight have one second to finish."""
        await self.channel.close(grace=1.0)


async def statuses(backends: dict[str, Backend]) -> dict[str, str]:
    """Return the health of every backend, checked concurrently."""
    answers = await asyncio.gather(*(backend.status() for backend in backends.values()))
    return dict(zip(backends, answers, strict=True))
