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
from starlette.types import ASGIApp

from services.gateway import docs, health
from services.gateway.backend import Backend
from services.gateway.binding import Binding, Shape, shapes_of
from services.gateway.contract import Contract, ContractError, load
from services.gateway.edge import Checker, Edge, Route
from services.gateway.events import ServerStreamEndpoint
from services.gateway.exchange import Exchange, Header
from services.gateway.files import FileStreamEndpoint, file_shape
from services.gateway.issuer import Issuer
from services.gateway.lines import ClientStreamEndpoint
from services.gateway.openapi import document
from services.gateway.problem import Problem, refuse
from services.gateway.settings import SERVED_BY, GatewaySettings
from services.gateway.template import RouteTable, Template
from services.gateway.timeline import FEED, PATH, TimelineEndpoint
from services.gateway.unary import UnaryEndpoint
from services.kit.serving.limits import Use
from services.kit.serving.settings import Profile
from services.kit.serving.tls import Tls
from services.kit.serving.tokens import TokenChecker

_SECURITY: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_ASKED_HEADERS = ["Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
                  "Last-Event-ID", "Request-Timeout", "traceparent"]  # fmt: skip


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
        self._checker = checker or TokenChecker(settings.trust_file, *settings.backends, limits=settings.token_limits)

    def app(self) -> ASGIApp:
        """Return the application: the edge, which serves every RPC itself, around FastAPI for everything else."""
        description = document(self._contract, self._shapes, SERVED_BY, self._issuer is not None)
        app = FastAPI(
            lifespan=self._lifespan,
            openapi_url=None,
            redirect_slashes=False,
            # The edge traces and counts; FastAPI's own spans would hold whole URLs, query strings included.
            telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
            exception_handlers={Problem: _refuse, HTTPException: _refuse, Exception: _refuse},
        )
        app.router.routes += [
            *health.routes(lambda: self.backends, self.stopping),
            *docs.routes(description),
            *(self._issuer.routes() if self._issuer else []),
        ]
        app.openapi = lambda: description  # type: ignore[method-assign]
        plain = frozenset(getattr(route, "path", "") for route in app.router.routes)
        security = [*_SECURITY, _HSTS] if self.settings.profile is Profile.PRODUCTION else _SECURITY
        edge: ASGIApp = Edge(app, self._routes, self._checker, self.settings, security, plain)
        if not self.settings.cors_origins:
            return edge
        return CORSMiddleware(
            edge,
            allow_origins=list(self.settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_ASKED_HEADERS,
            expose_headers=["Content-Disposition", "ETag", "Retry-After", "WWW-Authenticate"],
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        tls = Tls.of(self.settings)
        self.backends.update({name: Backend(name, each, tls) for name, each in self.settings.backends.items()})
        for shape in self._shapes:
            self._routes.add(shape.method, shape.template, self._route(shape))
        self._routes.add("GET", Template.parse(PATH), self._timeline())
        yield
        self.stopping.set()
        await asyncio.gather(*(backend.close() for backend in self.backends.values()))

    def _route(self, shape: Shape) -> Route:
        served = {name: self.backends[name] for name in SERVED_BY[shape.rpc.service]}
        binding = Binding(shape, served, self.settings)
        endpoint: Any
        if shape.rpc.client_streaming:
            endpoint = ClientStreamEndpoint(binding, self.settings.body_limit)
        elif shape.rpc.server_streaming:
            endpoint = ServerStreamEndpoint(binding, self.settings.heartbeat, self.stopping)
            file = file_shape(shape.rpc.answers, parts=True)
            if file is not None:
                endpoint = FileStreamEndpoint(binding, file, endpoint)
        else:
            endpoint = UnaryEndpoint(binding, self.settings.request_timeout)
        watches = shape.rpc.server_streaming and "after_position" in shape.rpc.takes.fields_by_name
        use = Use.UPLOAD if shape.rpc.client_streaming else Use.WATCH if watches else Use.CALL
        return Route(shape.path, shape.rpc.client_streaming or shape.rpc.server_streaming, endpoint, use)

    def _timeline(self) -> Route:
        served = {name: self.backends[name] for name in SERVED_BY[FEED]}
        endpoint = TimelineEndpoint(
            self._contract, served, self.settings.request_timeout, self.settings.heartbeat, self.stopping
        )
        return Route(PATH, True, endpoint, Use.WATCH)


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer what FastAPI's own routes raise as a problem document."""
    problem = error if isinstance(error, Problem) else _problem_of(request, error)
    if request.method == "OPTIONS" and problem.status == 405:
        return Response(status_code=204, headers={"allow": problem.headers[0][1].decode()})
    exchange: Exchange = request.scope["accord.exchange"]
    status, headers, body = problem.answer(exchange.language, exchange.trace_id)
    response = Response(body, status)
    for name, value in headers:
        response.headers[name.decode()] = value.decode("latin-1")
    return response


def _problem_of(request: Request, error: Exception) -> Problem:
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return refuse("INTERNAL")
    if error.status_code == 404:
        return refuse("NO_SUCH_PATH")
    if error.status_code == 405:
        problem = refuse("METHOD_NOT_ALLOWED", method=request.method)
        problem.headers.append((b"allow", (error.headers or {}).get("Allow", "").encode()))
        return problem
    return Problem(error.status_code, "INVALID_FIELD")
