"""Why calls are refused, over REST: the reasons of the services and of the gateway itself, with the status of each."""

from __future__ import annotations

import hashlib

import grpc
from pb.lookup.v1 import lookup_pb2 as pb

from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import http_status
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.rest.wording import REASONS

RPC = "accord.lookup.v1.LookupService.ListRefusalReasons"


class ReasonsEndpoint:
    """Serves `GET /v1/refusalReasons`."""

    def __init__(self, own: UnaryEndpoint) -> None:
        self._own = own

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        exchange.accepts("application/json")
        answer = await self._own.ask(exchange, parts)
        assert isinstance(answer, pb.ListRefusalReasonsResponse)
        for each in answer.reasons:
            each.http_status = http_status(grpc.StatusCode[each.grpc_code], each.code)
        known = {each.code for each in answer.reasons}
        for code, text in REASONS.items():
            if code not in known:
                answer.reasons.add(code=code, zh=text.zh, en=text.en, http_status=text.status)
        answer.reasons.sort(key=lambda each: each.code)
        answer.etag = hashlib.sha256(answer.SerializeToString(deterministic=True)).hexdigest()[:16]
        await self._own.answer(exchange, answer)
