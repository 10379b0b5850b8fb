"""From shape to route: which endpoint serves an RPC, and which quota its caller uses meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from services.gateway.rest.backend import Backend
from services.gateway.rest.binding import Binding, Shape
from services.gateway.rest.events import ServerStreamEndpoint
from services.gateway.rest.exchange import Exchange, Refusal
from services.gateway.rest.files import FileStreamEndpoint, file_shape
from services.gateway.rest.lines import ClientStreamEndpoint
from services.gateway.rest.unary import UnaryEndpoint
from services.kit.serving.limits import HttpLimitSettings, Use


@dataclass(frozen=True, slots=True)
class Route:
    """What serves a path: its template as documented, whether it streams, and the endpoint."""

    name: str
    streams: bool
    endpoint: Callable[[Exchange, list[str]], Awaitable[None]]
    use: Use
    public: str = ""
    """The service that may be called so without an account; empty for none."""
    refusal: Refusal | None = None
    """Writes an error in another form than a problem document."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of service: limits, seconds a call or a silence may last, whether the process is stopping."""

    limits: HttpLimitSettings
    timeout: float
    heartbeat: float
    stopping: asyncio.Event


def route_of(shape: Shape, backends: dict[str, Backend], terms: Terms) -> Route:
    """Return the route of a shape; `backends` are those that serve its RPC."""
    rpc = shape.rpc
    binding = Binding(shape, backends, terms.limits)
    endpoint: Any
    if rpc.client_streaming:
        endpoint = ClientStreamEndpoint(binding, terms.limits.body_limit)
    elif rpc.server_streaming:
        endpoint = ServerStreamEndpoint(binding, terms.heartbeat, terms.stopping)
        file = file_shape(rpc.answers, parts=True)
        if file is not None:
            endpoint = FileStreamEndpoint(binding, file, endpoint)
    else:
        endpoint = UnaryEndpoint(binding, terms.timeout)
    watches = rpc.server_streaming and "after_position" in rpc.takes.fields_by_name
    use = Use.UPLOAD if rpc.client_streaming else Use.WATCH if watches else Use.CALL
    public = next(iter(backends)) if rpc.public else ""
    return Route(shape.path, rpc.client_streaming or rpc.server_streaming, endpoint, use, public)
