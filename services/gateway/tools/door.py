"""The door: one path that speaks the Model Context Protocol, by its library, to whoever is signed in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.problem import Fault, Problem, refuse
from services.gateway.rest.routes import Route
from services.gateway.routers.resource import METADATA, PATH
from services.gateway.settings import GatewaySettings
from services.gateway.tools.calls import Tools
from services.gateway.tools.catalogue import Catalogue
from services.kit.serving.limits import Use

if TYPE_CHECKING:
    from services.gateway.tools.library import Library

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class ToolDoor:
    """Serves the path of the door. The library of the protocol is loaded with the first request: it takes a second."""

    def __init__(self, catalogue: Callable[[], Catalogue], edge: ASGIApp, settings: GatewaySettings) -> None:
        self._catalogue, self._edge = catalogue, edge
        self._origins, self._limit = frozenset(settings.cors_origins), settings.text_limit
        self._loading = asyncio.Lock()
        self._library: Library | None = None

    def route(self) -> Route:
        """Return the route."""
        return Route(PATH, False, self, Use.TOOL, refusal=_refused)

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Handle one message; raise Problem."""
        self._must_be_ours(exchange)
        held: list[Message] = [{"type": "http.request", "body": await exchange.body(self._limit), "more_body": False}]

        async def receive() -> Message:
            return held.pop() if held else await exchange.receive()

        library = await self._loaded()
        await library.serve(exchange, receive)

    async def _loaded(self) -> Library:
        async with self._loading:
            if self._library is None:
                self._library = await asyncio.to_thread(self._load)
        return self._library

    def _load(self) -> Library:
        from services.gateway.tools.library import Library

        return Library(Tools(self._catalogue(), self._edge), self._limit)

    def _must_be_ours(self, exchange: Exchange) -> None:
        """Raise a 403 Problem for a page from elsewhere: a browser may have been sent here under a foreign name."""
        origin = exchange.headers.get(b"origin", b"").decode("latin-1")
        host = exchange.headers.get(b"host", b"").decode("latin-1")
        if not origin or origin in self._origins:
            return
        try:
            here = urlsplit(origin)
            if here.hostname in _LOCAL and here.netloc == host:
                return
        except ValueError:
            pass
        raise refuse("FOREIGN_ORIGIN", Fault("Origin", "不在允许之列。", "Is not allowed."))


def _refused(exchange: Exchange, problem: Problem) -> tuple[int, list[Header], bytes]:
    """Return an error; whoever is not signed in is told where one signs in (RFC 9728)."""
    status, headers, body = problem.answer(exchange.language, exchange.trace_id)
    host = exchange.headers.get(b"host", b"").decode("latin-1")
    if _HOST.fullmatch(host):
        where = f', resource_metadata="{exchange.scope["scheme"]}://{host}{METADATA}"'.encode()
        headers = [(name, text + where if name == b"www-authenticate" else text) for name, text in headers]
    return status, headers, body
