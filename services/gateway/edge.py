"""The outermost layer: routes requests, checks the token, traces, counts, logs, and turns errors into responses."""

from __future__ import annotations

import time
from typing import Protocol
from urllib.parse import quote

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

from casework.errors import CaseError
from services.gateway.rest.exchange import ClientGone, Exchange, Header
from services.gateway.rest.problem import Problem, of_case, refuse
from services.gateway.rest.routes import Route
from services.gateway.rest.template import RouteTable
from services.gateway.tracing import Trace
from services.kit.serving.errors import is_exhausted
from services.kit.serving.limits import HttpLimitSettings, Quota
from services.kit.serving.tokens import Caller, TokenMint

REQUESTS = Counter("accord_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "accord_http_request_seconds",
    "Seconds to answer, streams apart.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_PROBED = {"/healthz", "/readyz"}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LOG = structlog.get_logger("gateway")


_VISIT = 60.0
"""Seconds for which one call of somebody without an account is valid."""


def visitor(scope: Scope) -> Caller:
    """Return a caller without an account, who is identified by address."""
    return Caller(f"@{(scope.get('client') or ('',))[0]}", frozenset(), "")


class Checker(Protocol):
    """Checks an `authorization` value; raises CaseError if it is not valid."""

    async def ready(self, authorization: str) -> None: ...

    def check(self, authorization: str) -> Caller: ...

    @property
    def providers(self) -> list[str]: ...


class Edge:
    """An ASGI layer before the application: serves the routes itself and passes everything else on."""

    def __init__(
        self,
        app: ASGIApp,
        routes: RouteTable[Route],
        checker: Checker,
        limits: HttpLimitSettings,
        security: list[Header],
        plain: frozenset[str] = frozenset(),
        mint: TokenMint | None = None,
    ) -> None:
        self._app = app
        self._routes = routes
        self._checker = checker
        self._limits = limits
        self._quota = Quota(limits)
        self._security = security
        # Application paths that may appear in metrics; any other path could be anything.
        self._plain = plain
        self._mint = mint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._security, self._limits)
        trace = Trace(exchange.headers)
        exchange.trace_parent, exchange.trace_id = trace.parent, trace.id
        streams = False
        try:
            streams = await self._serve(exchange)
        except Problem as problem:
            await self._refuse(exchange, problem)
        except CaseError as error:
            await self._refuse(exchange, of_case(error))
        except ClientGone:
            exchange.status = exchange.status or 499
        except Exception as error:
            if is_exhausted(error) and not exchange.finished:
                await self._refuse(exchange, refuse("SERVICE_UNAVAILABLE"))
                return
            # The only place that handles unforeseen errors: the response has an id, the log has the trace.
            _LOG.exception("unforeseen fault", route=exchange.route, trace=trace.id)
            if not exchange.finished:
                await self._refuse(exchange, refuse("INTERNAL"))
        finally:
            self._record(exchange, trace, streams)

    async def _serve(self, exchange: Exchange) -> bool:
        scope = exchange.scope
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        found = self._routes.find(raw.decode("latin-1"))
        if found is None:
            exchange.route = scope["path"] if scope["path"] in self._plain else "other"
            scope["accord.exchange"] = exchange
            if exchange.route not in _PROBED:
                await self._quota.count(visitor(scope))
            await self._app(scope, exchange.receive, exchange.send)
            return False
        methods, parts = found
        method = scope["method"]
        route = methods.get("GET" if method == "HEAD" else method)
        known = next(iter(methods.values())) if route is None else route
        exchange.route, exchange.refusal = known.name, known.refusal
        if route is None:
            allow = (b"allow", ", ".join(sorted({*methods, *(["HEAD"] * ("GET" in methods))})).encode())
            if method == "OPTIONS":
                await exchange.answer(204, [allow], b"")
                return False
            problem = refuse("METHOD_NOT_ALLOWED", method=method)
            problem.headers.append(allow)
            raise problem
        caller = await self._authenticate(exchange, route.public)
        await self._quota.count(caller)
        async with self._quota.turn(caller, route.use):
            await route.endpoint(exchange, parts)
        return route.streams

    async def _authenticate(self, exchange: Exchange, public: str) -> Caller:
        if public and self._mint is not None and b"authorization" not in exchange.headers:
            # Without an account: the gateway calls in their place, and counts them by their address.
            exchange.authorization = self._mint.authorization(public)
            exchange.until = time.time() + _VISIT
            return visitor(exchange.scope)
        authorization = exchange.headers.get(b"authorization", b"").decode("latin-1")
        if not (authorization.isascii() and authorization.isprintable()):
            raise refuse("UNAUTHENTICATED")
        await self._checker.ready(authorization)
        caller = self._checker.check(authorization)
        exchange.until, exchange.authorization, exchange.unit = caller.until, authorization, caller.unit
        return caller

    @staticmethod
    async def _refuse(exchange: Exchange, problem: Problem) -> None:
        if exchange.status:
            # Part of the response was sent: closing the connection is the only way left to show that it is incomplete.
            raise problem
        await exchange.refuse(problem)

    @staticmethod
    def _record(exchange: Exchange, trace: Trace, streams: bool) -> None:
        method, seconds = exchange.scope["method"], time.perf_counter() - exchange.started
        method = method if method in _METHODS else "OTHER"
        REQUESTS.labels(method, exchange.route, exchange.status).inc()
        if not streams:
            SECONDS.labels(method, exchange.route).observe(seconds)
        trace.end(method, exchange.route, exchange.status)
        quiet = exchange.status < 400 and method in ("GET", "HEAD", "OPTIONS")
        log = _LOG.debug if quiet else _LOG.warning if exchange.status >= 500 else _LOG.info
        log("request", method=method, route=exchange.route, status=exchange.status, ms=round(seconds * 1000, 1),
            trace=trace.id)  # fmt: skip
