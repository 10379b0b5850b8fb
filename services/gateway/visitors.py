"""What keeps the doors for people without an account from being flooded: limits, counted before anything else is done.

What a door asks for besides is checked where a report is received: `services/intake/guards`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from pb.lookup.v1 import lookup_pb2

from services.gateway.edge import visitor
from services.gateway.rest.exchange import Exchange
from services.gateway.settings import GatewaySettings
from services.kit.serving.limits import Rate

_INTAKE = "accord.intake.v1.IntakeService"
FILE, CHALLENGE = f"{_INTAKE}.FileReport", f"{_INTAKE}.GetFilingChallenge"
SIMILAR = f"{_INTAKE}.FindSimilar"
DRAW = "accord.intake.v1.HallService.DrawTicket"
_PUBLIC = "accord.intake.v1.PublicReportService"
LIST, UPDATES = f"{_PUBLIC}.ListPublicReports", f"{_PUBLIC}.ListPublicUpdates"
KEYS = "accord.mediation.v1.PortableCaseService.GetPortableCaseKeys"
LOOKUPS = [each.full_name for each in lookup_pb2.DESCRIPTOR.services_by_name["LookupService"].methods]


class Guard(Protocol):
    """Lets somebody without an account through, or raises CaseError."""

    async def admit(self, exchange: Exchange) -> None: ...


class AddressGuard:
    """Limits the calls of each client address."""

    def __init__(self, rate: str) -> None:
        self._rate = Rate(rate)

    async def admit(self, exchange: Exchange) -> None:
        """Count one call; raise TOO_MANY_REQUESTS with the time to retry."""
        await self._rate.count(visitor(exchange.scope).subject)


class GuardedEndpoint:
    """Serves an RPC; callers without an account pass the guards first."""

    def __init__(self, endpoint: Callable[[Exchange, list[str]], Awaitable[None]], guards: Sequence[Guard]) -> None:
        self._endpoint, self._guards = endpoint, guards

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem or CaseError."""
        if b"authorization" not in exchange.headers:
            for guard in self._guards:
                await guard.admit(exchange)
        await self._endpoint(exchange, parts)


def guards_of(settings: GatewaySettings) -> dict[str, list[Guard]]:
    """Return the guards of each RPC that has some, in the order in which they are applied."""
    reading: list[Guard] = [AddressGuard(settings.limit_rate_public)]
    return {
        FILE: [AddressGuard(settings.limit_rate_filing)],
        CHALLENGE: [AddressGuard(settings.limit_rate_challenge)],
        SIMILAR: [AddressGuard(settings.limit_rate_similar)],
        DRAW: [AddressGuard(settings.limit_rate_draw)],
        LIST: reading,
        UPDATES: reading,
        KEYS: reading,
        **dict.fromkeys(LOOKUPS, reading),
    }
