"""Serves indicators: their rules, and the results of a unit."""

from __future__ import annotations

from pb.escalation.v1 import indicators_pb2 as pb
from pb.escalation.v1 import indicators_pb2_grpc

from casework import names
from casework.supervision.figures.indicator import stand
from casework.supervision.figures.reporting_period import reporting_period
from services.escalation import scope
from services.escalation.figures.indicators import counting, view
from services.escalation.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging


class IndicatorServicer(Servicer, indicators_pb2_grpc.IndicatorServiceServicer):
    """Serves indicators."""

    async def ListIndicators(self, request: pb.ListIndicatorsRequest, context: Context) -> pb.ListIndicatorsResponse:
        """Return the rules, in the order of their files."""
        call = current_call()
        scope.asked(request.unit)
        first = paging.read(request.page_token, "indicators", paging.number) or 0
        end = first + (request.page_size or len(self.rules.indicators))
        found = self.rules.indicators[first:end]
        reply = pb.ListIndicatorsResponse(indicators=[view.indicator(rule, call.language) for rule in found])
        if end < len(self.rules.indicators):
            reply.next_page_token = paging.token("indicators", end)
        return reply

    async def GetIndicators(self, request: pb.GetIndicatorsRequest, context: Context) -> pb.GetIndicatorsResponse:
        """Return the results of a unit; of its peers only their pooled share, never that of one of them."""
        unit, now, rules = scope.asked(request.unit), self.time.now(), self.rules.indicators
        period, language = reporting_period(request.period), current_call().language
        reach = scope.subtree(counting.range_of_peers(unit))
        async with self.database.read() as connection:
            counted = await counting.count(connection, rules, reach, period, now)
        beside = counting.peers(self.rules.units, unit)
        standings = []
        for rule in rules:
            by_unit = counted[rule.name]
            own, before = counting.of(by_unit, unit)
            found = stand(rule, own, (counting.of(by_unit, peer)[0] for peer in beside), before)
            standings.append(view.standing(rule, found, language))
        return pb.GetIndicatorsResponse(unit=names.unit_name(unit), period=period.name, standings=standings)
