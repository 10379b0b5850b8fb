"""The histories that go into a portable case file: mediation makes it, the other services have theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from pb.feed.v1.history_pb2 import GetSignedHistoryRequest
from pb.mediation.v1.portable_pb2 import TakeOutCaseRequest

from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import of_rpc
from services.gateway.settings import SERVED_BY, GatewaySettings

RPC = "accord.mediation.v1.PortableCaseService.TakeOutCase"
_SERVICE = "accord.feed.v1.HistoryService"


class Histories:
    """Adds the histories of a case to the request that takes it out, asked for with the caller's own token."""

    def __init__(self, contract: Contract, backends: Mapping[str, Backend], settings: GatewaySettings) -> None:
        rpc = next(each for each in contract.rpcs if each.service == _SERVICE)
        self._get: dict[str, Callable[..., Any]] = {
            name: backends[name].callable(rpc) for name in SERVED_BY[_SERVICE]
        }  # fmt: skip
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, message: TakeOutCaseRequest) -> None:
        """Add them, if the client did not; raise Problem if one is not to be had: half a past is none."""
        if message.histories:
            return
        timeout, metadata = exchange.timeout(self._timeout), exchange.metadata()
        asked = (
            get(GetSignedHistoryRequest(service=name, case=message.name), timeout=timeout, metadata=metadata)
            for name, get in self._get.items()
        )
        try:
            message.histories.extend(await asyncio.gather(*asked))
        except grpc.RpcError as error:
            raise of_rpc(error) from None
