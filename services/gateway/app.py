"""The gateway as an ASGI application: every RPC's routes, the timeline, health, description, embedded issuer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import docs, health
from services.gateway.backend import Backend
from services.gateway.binding import Binding, Shape, shapes_of
from services.gateway.contract import Contract, ContractError, load
from services.gateway.edge import Checker, Edge, Route
from services.gateway.events import ServerStreamEndpoint
from services.gateway.exchange import Header
from services.gateway.issuer import Issuer
from services.gateway.lines import ClientStreamEndpoint
from services.gateway.openapi import document
from services.gateway.problem import Problem, refuse
from services.gateway.settings import SERVED_BY, GatewaySettings
from services.gateway.template import RouteTable, Template
from services.gateway.timeline import FEED, PATH, TimelineEndpoint
from services.gateway.unary import UnaryEndpoint
from services.kit.settings import Profile
from services.kit.tokens import TokenChecker

_SECURITY: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_ASKED_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID",
                  "Request-Timeout", "traceparent"]  # fmt: skip


class Gateway:
    """Builds the application. Channels are opened when it starts, inside its event loop."""

    def __init__(self, settings: GatewaySettings, checker: Checker | None = None) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.backends: dict[str, Backend] = {}
        self._contract: Contract = load()
        self._shapes = [shape for rpc in self._contract.rpcs for shape in shapes_of(rpc)]
        for shape in self._shapes:
            if shape.rpc.service not in SERVED_BY:
                raise ContractError(f"{shape.rpc.service}: SERVED_BY does not say which backend serves it")
        self._routes: RouteTable[Route] = RouteTable()
        self._issuer = Issuer(settings.issuer_key_file, settings.profile) if settings.issuer_key_file else None
        self._checker = checker or TokenChecker(settings.trust_file)

    def app(self) -> FastAPI:
        """Return the application."""
        description = document(self._contract, self._shapes, SERVED_BY, self._issuer is not None)
        app = FastAPI(
            lifespan=self._lifespan,
            openapi_url=None,
            redirect_slashes=False,
            exception_handlers={HTTPException: _refuse_http},
        )
        app.router.routes += [
            *health.routes(lambda: self.backends, self.stopping),
            *docs.routes(description),
            *(self._issuer.routes() if self._issuer else []),
        ]
        app.openapi = lambda: description  # type: ignore[method-assign]
        security = [*_SECURITY, _HSTS] if self.settings.profile is Profile.PRODUCTION else _SECURITY
        app.add_middleware(Edge, routes=self._routes, checker=self._checker, security=security)
        if self.settings.cors_origins:
            app.add_middleware(
                CORSMiddleware,
                allow_origins=list(self.settings.cors_origins),
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=_ASKED_HEADERS,
                expose_headers=["ETag", "Retry-After", "WWW-Authenticate"],
            )
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self.backends.update({name: Backend(name, address) for name, address in self.settings.backends.items()})
        for shape in self._shapes:
            self._routes.add(shape.method, shape.template, self._route(shape))
        self._routes.add("GET", Template.parse(PATH), self._timeline())
        yield
        self.stopping.set()
        await asyncio.gather(*(backend.close() for backend in self.backends.values()))

    def _route(self, shape: Shape) -> Route:
        served = {name: self.backends[name] for name in SERVED_BY[shape.rpc.service]}
        binding = Binding(shape, served, self.settings.body_limit)
        endpoint: Any
        if shape.rpc.client_streaming:
            endpoint = ClientStreamEndpoint(binding, self.settings.body_limit)
        elif shape.rpc.server_streaming:
            endpoint = ServerStreamEndpoint(binding, self.settings.heartbeat, self.stopping)
        else:
            endpoint = UnaryEndpoint(binding, self.settings.request_timeout)
        return Route(shape.path, shape.rpc.client_streaming or shape.rpc.server_streaming, endpoint)

    def _timeline(self) -> Route:
        served = {name: self.backends[name] for name in SERVED_BY[FEED]}
        endpoint = TimelineEndpoint(
            self._contract, served, self.settings.request_timeout, self.settings.heartbeat, self.stopping
        )
        return Route(PATH, True, endpoint)


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Turn what Starlette refuses itself into a problem; the edge answers it."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        raise refuse("NO_SUCH_PATH")
    if status == 405:
        problem = refuse("METHOD_NOT_ALLOWED", method=request.method)
        allowed = (getattr(error, "headers", None) or {}).get("Allow", "")
        problem.headers.append((b"allow", allowed.encode()))
        raise problem
    raise Problem(status, "INVALID_FIELD" if status < 500 else "INTERNAL")
