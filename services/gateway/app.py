"""The gateway as an ASGI application: every RPC's routes, the timeline, health, description, embedded issuer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from services.gateway import (
    access_logs,
    account,
    histories,
    own_file,
    reasons,
    receipts,
    searches,
    signatures,
    suggestions,
    timeline,
    visitors,
)
from services.gateway.calendars import endpoint as calendars
from services.gateway.description.openapi import document
from services.gateway.edge import Checker, Edge
from services.gateway.open311.door import Door
from services.gateway.rest.backend import Backend
from services.gateway.rest.batches import BatchEndpoint, collection_of, path_of
from services.gateway.rest.binding import Shape, shapes_of
from services.gateway.rest.contract import Contract, ContractError, load
from services.gateway.rest.described import by_journey
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.files import FileStreamEndpoint
from services.gateway.rest.lines import ClientStreamEndpoint
from services.gateway.rest.problem import Problem, of_validation, refuse
from services.gateway.rest.routes import Route, Terms, route_of
from services.gateway.rest.template import RouteTable, Template
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.routers import docs, health, issuer, operations, resource, sign_in
from services.gateway.settings import SERVED_BY, GatewaySettings
from services.gateway.tools.catalogue import Catalogue
from services.gateway.tools.door import ToolDoor
from services.kit.serving.limits import Use
from services.kit.serving.settings import Profile
from services.kit.serving.tls import Tls
from services.kit.serving.tokens import TokenChecker, TokenMint

_SECURITY: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_ASKED_HEADERS = ["Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
                  "Last-Event-ID", "Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "Range", "Request-Timeout",
                  "traceparent"]  # fmt: skip


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
        self._issuer = (
            issuer.Issuer(
                settings.issuer_key_file, settings.profile, settings.issuer_accounts_file, settings.cors_origins
            )
            if settings.issuer_key_file
            else None
        )
        key = settings.client_key_file
        self._mint = TokenMint(settings.client_name, key) if key else None
        self._secrets = signatures.read_secrets(settings.partner_secrets_file)
        self._checker = checker or TokenChecker(settings.trust_file, *settings.backends, limits=settings.token_limits)

    def app(self) -> ASGIApp:
        """Return the application: the edge, which serves every RPC itself, around FastAPI for everything else."""
        description = describe(self._contract, self._shapes, self._issuer is not None)
        app = plain_app(lifespan=self._lifespan)
        app.openapi = lambda: description  # type: ignore[method-assign]
        # State for the dependencies of the routers.
        app.state.backends, app.state.stopping = self.backends, self.stopping
        app.state.description, app.state.issuer = docs.Description.of(description), self._issuer
        app.state.checker = self._checker
        demo = [issuer.router, sign_in.router] if self._issuer else []
        routers = [health.router, docs.router, resource.router, *demo]
        for router in routers:
            app.include_router(router)
        plain = frozenset(getattr(route, "path", "") for router in routers for route in router.routes)
        security = [*_SECURITY, _HSTS] if self.settings.profile is Profile.PRODUCTION else _SECURITY
        edge: ASGIApp = Edge(app, self._routes, self._checker, self.settings, security, plain, self._mint)
        tools = ToolDoor(lambda: Catalogue(description), edge, self.settings)
        self._routes.add("POST", Template.parse(resource.PATH), tools.route())
        if not self.settings.cors_origins:
            return edge
        return CORSMiddleware(
            edge,
            allow_origins=list(self.settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_ASKED_HEADERS,
            expose_headers=[
                "Accept-Ranges",
                "Content-Disposition",
                "Content-Range",
                "ETag",
                "Retry-After",
                "WWW-Authenticate",
            ],
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        tls = Tls.of(self.settings)
        self.backends.update({name: Backend(name, each, tls) for name, each in self.settings.backends.items()})
        terms = Terms(self.settings, self.settings.request_timeout, self.settings.heartbeat, self.stopping)
        guards = visitors.guards_of(self.settings)
        for shape in self._shapes:
            served = self._served_by(shape.rpc.service)
            route = route_of(shape, served, terms)
            if shape.rpc.full_name == receipts.RPC and isinstance(route.endpoint, UnaryEndpoint):
                endpoint = receipts.ReceiptEndpoint(route.endpoint, self._contract, self.backends, self.settings)
                route = replace(route, endpoint=endpoint)
            if shape.rpc.full_name == calendars.RPC and isinstance(route.endpoint, UnaryEndpoint):
                calendar = calendars.CalendarEndpoint(route.endpoint, self._contract, self.backends, self.settings)
                route = replace(route, endpoint=calendar)
            if shape.rpc.full_name in access_logs.RPCS and isinstance(route.endpoint, UnaryEndpoint):
                both = access_logs.AccessLogEndpoint(route.endpoint, self._contract, self.backends, self.settings)
                route = replace(route, endpoint=both)
            if shape.rpc.full_name == searches.RPC and isinstance(route.endpoint, UnaryEndpoint):
                found = searches.SearchedWorklistEndpoint(
                    route.endpoint, self._contract, self.backends, self.settings
                )  # fmt: skip
                route = replace(route, endpoint=found)
            if shape.rpc.full_name == reasons.RPC and isinstance(route.endpoint, UnaryEndpoint):
                route = replace(route, endpoint=reasons.ReasonsEndpoint(route.endpoint))
            if shape.rpc.full_name == suggestions.RPC and isinstance(route.endpoint, UnaryEndpoint):
                fits = suggestions.SuggestionsEndpoint(route.endpoint, self._contract, self.backends, self.settings)
                route = replace(route, endpoint=fits)
            if shape.rpc.full_name in own_file.RPCS and isinstance(route.endpoint, FileStreamEndpoint):
                whole = own_file.OwnFileEndpoint(route.endpoint, self._contract, self.backends, self.settings)
                route = replace(route, endpoint=whole)
            if shape.rpc.full_name == histories.RPC and isinstance(route.endpoint, FileStreamEndpoint):
                route.endpoint.complete = histories.Histories(self._contract, self.backends, self.settings)
            if shape.rpc.full_name in signatures.RPCS and isinstance(route.endpoint, UnaryEndpoint):
                route = replace(route, endpoint=signatures.SignedEndpoint(route.endpoint, self._secrets))
            if shape.rpc.full_name == signatures.UPLOAD and isinstance(route.endpoint, ClientStreamEndpoint):
                route = replace(route, endpoint=signatures.SignedUpload(route.endpoint, self._secrets))
            if shape.rpc.full_name in guards:
                route = replace(route, endpoint=visitors.GuardedEndpoint(route.endpoint, guards[shape.rpc.full_name]))
            self._routes.add(shape.method, shape.template, route)
            if (collection := collection_of(shape)) and isinstance(route.endpoint, UnaryEndpoint):
                path = path_of(collection)
                batch = BatchEndpoint(route.endpoint, collection)
                self._routes.add("GET", Template.parse(path), Route(path, False, batch, Use.CALL, route.public))
        told = timeline.TimelineEndpoint(self._contract, self._served_by(timeline.FEED), terms)
        self._routes.add("GET", Template.parse(timeline.PATH), Route(timeline.PATH, True, told, Use.WATCH))
        mine = account.AccountEndpoint(self._checker)
        self._routes.add("GET", Template.parse(account.PATH), Route(account.PATH, False, mine, Use.CALL))
        door = Door(self._contract, self.backends, self.settings, self._checker, guards)
        for method, path, route in door.routes():
            self._routes.add(method, Template.parse(path), route)
        yield
        self.stopping.set()
        await asyncio.gather(*(backend.close() for backend in self.backends.values()))

    def _served_by(self, service: str) -> dict[str, Backend]:
        return {name: self.backends[name] for name in SERVED_BY[service]}


def plain_app(**options: Any) -> FastAPI:
    """Return the application for what is not in the contracts; all its errors are problem documents."""
    refused: tuple[type[Exception], ...] = (Problem, HTTPException, RequestValidationError, Exception)
    return FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        # The edge traces and counts; FastAPI's own spans would contain whole URLs, query strings included.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        exception_handlers=dict.fromkeys(refused, _refuse),
        **options,
    )


def describe(contract: Contract, shapes: list[Shape], with_issuer: bool) -> dict[str, Any]:
    """Return the OpenAPI document: the transcoded RPCs, then the other routes."""
    description = document(contract, shapes, SERVED_BY)
    description["tags"] += [timeline.TAG, account.TAG, health.TAG, *([issuer.TAG] if with_issuer else [])]
    description["paths"] |= timeline.paths() | account.paths() | operations.paths(health.router)
    if with_issuer:
        description["paths"] |= operations.paths(issuer.router)
    description["tags"] = by_journey(description["tags"])
    return description


async def _refuse(request: Request, error: Exception) -> Response:
    """Return errors of FastAPI's own routes as problem documents."""
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
    if isinstance(error, RequestValidationError):
        return of_validation(error.errors(), skip=1)
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return refuse("INTERNAL")
    if error.status_code == 404:
        return refuse("NO_SUCH_PATH")
    if error.status_code == 405:
        problem = refuse("METHOD_NOT_ALLOWED", method=request.method)
        problem.headers.append((b"allow", (error.headers or {}).get("Allow", "").encode()))
        return problem
    return Problem(error.status_code, "INVALID_FIELD")
