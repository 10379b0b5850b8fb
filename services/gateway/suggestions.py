"""Suggested units and what each has before it: intake knows the report, escalation counts the work; one response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from pb.escalation.v1 import worklists_pb2
from pb.intake.v1 import desk_pb2, workload_pb2

from casework import names
from casework.door.suggestion import Bar, Candidate, Fit, Role, ordered
from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import of_rpc
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.settings import GatewaySettings

RPC = "accord.intake.v1.DeskService.SuggestUnits"
_WORKLOADS = "accord.escalation.v1.WorklistService.GetWorkloads"


class SuggestionsEndpoint:
    """Serves `GET /v1/reports/*:suggestUnits`."""

    def __init__(
        self, own: UnaryEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        rpc = next(each for each in contract.rpcs if each.full_name == _WORKLOADS)
        self._own = own
        self._workloads: Callable[..., Any] = backends["escalation"].callable(rpc)
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        exchange.accepts("application/json")
        message, renamed = await self._own.binding.read(exchange, parts)
        answer = await self._own.call(exchange, message, renamed)
        assert isinstance(answer, desk_pb2.SuggestUnitsResponse), "the contract says so"
        loads = await self._loads(exchange, [each.unit for each in answer.suggestions], names.number_of(message.name))
        suggestions = {each.unit: each for each in answer.suggestions}
        for unit, load in loads.items():
            suggestions[unit].workload.CopyFrom(load)
        order = ordered(
            map(_candidate, suggestions.values()),
            {unit: (load.overdue_steps, load.open_matters) for unit, load in loads.items()},
        )
        del answer.suggestions[:]
        answer.suggestions.extend(suggestions[each.unit] for each in order)
        await self._own.answer(exchange, answer)

    async def _loads(
        self, exchange: Exchange, units: list[str], number: str
    ) -> dict[str, workload_pb2.UnitWorkload]:  # fmt: skip
        """Return what these units have before them, as far as the caller may see it."""
        asked = worklists_pb2.GetWorkloadsRequest(units=units, case=names.case_name(number))
        try:
            found = await self._workloads(
                asked, timeout=exchange.timeout(self._timeout), metadata=exchange.metadata()
            )  # fmt: skip
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return {}
            raise of_rpc(error) from None
        return {each.unit: each for each in found.workloads}


def _candidate(each: desk_pb2.UnitSuggestion) -> Candidate:
    fits, bars = (Fit(reason.fit) for reason in each.reasons), (Bar(other.conflict) for other in each.obstacles)
    return Candidate(each.unit, Role(each.part), tuple(fits), tuple(bars))
