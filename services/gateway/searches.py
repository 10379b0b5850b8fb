"""A worklist searched by words: what intake finds in texts, and the list itself, as one call.

Intake finds only what the caller may read; the list is searched by numbers, units, categories and steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from pb.escalation.v1 import worklists_pb2
from pb.intake.v1 import desk_pb2

from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import of_rpc
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.settings import GatewaySettings

RPC = "accord.escalation.v1.WorklistService.GetWorklist"
_TEXTS = "accord.intake.v1.DeskService.SearchReports"


class SearchedWorklistEndpoint:
    """Serves `GET /v1/worklist` and `POST /v1/worklist:search`."""

    def __init__(
        self, own: UnaryEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        rpc = next(each for each in contract.rpcs if each.full_name == _TEXTS)
        self._own = own
        self._search: Callable[..., Any] = backends["intake"].callable(rpc)
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        exchange.accepts("application/json")
        message, renamed = await self._own.binding.read(exchange, parts)
        assert isinstance(message, worklists_pb2.GetWorklistRequest)
        del message.cases[:]
        if message.query:
            message.cases.extend(await self._found(exchange, message.query))
        await self._own.answer(exchange, await self._own.call(exchange, message, renamed))

    async def _found(self, exchange: Exchange, query: str) -> Sequence[str]:
        """Return the cases found by their texts; none for who may not search there."""
        request, metadata = desk_pb2.SearchReportsRequest(query=query), exchange.metadata()
        try:
            answer = await self._search(request, timeout=exchange.timeout(self._timeout), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return ()
            raise of_rpc(error) from None
        cases: Sequence[str] = answer.cases
        return cases
