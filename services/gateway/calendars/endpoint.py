"""Serves a calendar by its secret address: sessions from mediation and deadlines from escalation, as one file.

The secret is nowhere but in the request: logs, metrics and traces name the route. A wrong one and one asked too often
are refused before anything is looked up, as with receipts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import grpc
from pb.escalation.v1 import worklists_pb2
from pb.mediation.v1 import calendars_pb2

from services.gateway.calendars.icalendar_file import written
from services.gateway.edge import visitor
from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.files import ANY, TYPES
from services.gateway.rest.problem import of_rpc, refuse
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.settings import GatewaySettings
from services.kit.serving.limits import Rate

RPC = "accord.mediation.v1.CalendarService.ReadCalendar"
_DEADLINES = "accord.escalation.v1.WorklistService.GetDeadlines"
_KIND = TYPES["ics"]
_FORM = b"1"
"""How the file is written; to be changed with it."""


class CalendarEndpoint:
    """Serves `GET /v1/calendars/{code}`."""

    def __init__(
        self, own: UnaryEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        rpc = next(each for each in contract.rpcs if each.full_name == _DEADLINES)
        self._own = own
        self._deadlines: Callable[..., Any] = backends["escalation"].callable(rpc)
        self._codes, self._addresses = Rate(settings.limit_rate_code), Rate(settings.limit_rate_guess)
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        kind = exchange.accepts(_KIND, "application/json", ANY)
        await self._addresses.count(visitor(exchange.scope).subject)
        await self._codes.count(parts[-1])
        feed = await self._own.ask(exchange, parts)
        assert isinstance(feed, calendars_pb2.CalendarFeed), "the contract says so"
        if feed.access_token:
            feed.entries.extend((await self._read(exchange, feed)).entries)
            feed.access_token = ""
        # By what is shown, not by the file: writing it takes longer than all the rest.
        etag = hashlib.sha256(_FORM + feed.SerializeToString(deterministic=True)).hexdigest()[:32]
        headers: list[Header] = [(b"etag", f'"{etag}"'.encode()), (b"cache-control", b"private, no-cache")]
        if kind != "application/json" and self._own.is_unchanged(exchange, etag):
            await exchange.answer(304, headers, b"")
            return
        feed.content = await asyncio.to_thread(written, feed.entries, feed.language)
        feed.media_type, feed.file_name = _KIND, "accord.ics"
        if kind == "application/json":
            await self._own.answer(exchange, feed)
            return
        await exchange.answer(200, [(b"content-type", b"text/calendar; charset=utf-8"), *headers], feed.content)

    async def _read(self, exchange: Exchange, feed: calendars_pb2.CalendarFeed) -> worklists_pb2.GetDeadlinesResponse:
        """Return the deadlines, in the language of the calendar, whatever that of the client is."""
        metadata = (
            ("authorization", f"Bearer {feed.access_token}"),
            ("accept-language", feed.language),
            ("traceparent", exchange.trace_parent),
        )
        request = worklists_pb2.GetDeadlinesRequest()
        try:
            found: worklists_pb2.GetDeadlinesResponse = await self._deadlines(
                request, timeout=exchange.timeout(self._timeout), metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            # A calendar program that is asked to sign in drops the calendar: here it is the trust file that is wrong.
            wrong = error.code() is grpc.StatusCode.UNAUTHENTICATED
            raise refuse("SERVICE_UNAVAILABLE") if wrong else of_rpc(error) from None
        return found
