"""A centre whose time the test sets, over REST: mediation at a fixed time, with its own gateway.

What the relay does in a running stack is done here when the test says so: clocks fire, events become notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.rules_place import SHIPPED
from services.gateway.app import Gateway
from services.gateway.main import config_of
from services.gateway.settings import GatewaySettings
from tests.conftest import CALL, COUNTY, Clients, request_id
from tests.outside import Invitee
from tests.patience import PATIENCE
from tests.scenario import Desk, Matter
from tests.still import Still
from workflows.feeds import notices
from workflows.messages import Source

_NUMBERS = itertools.count(700)


class _Server(uvicorn.Server):
    """Leaves the signals to the test."""

    def capture_signals(self) -> Any:
        """Catch none."""
        return contextlib.nullcontext()


@dataclass
class Town:
    """Mediation of the county, its desks and its door."""

    still: Still
    desk: Desk
    clients: Clients
    url: str
    _heard: dict[str, int] = field(default_factory=dict)

    async def matter(self, category: str = "neighbour", text: str = "楼上卫生间漏水，天花板泡坏两处。") -> Matter:
        """Open a case today."""
        self.still.time.set(datetime.now(UTC))
        name = f"cases/{COUNTY}-2026-{next(_NUMBERS):06}"
        opened = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category=f"categories/{category}", grade=1)
        request = mediation_pb2.CreateCaseRequest(case=opened, request_id=request_id())
        await self.clients.mediation.CreateCase(request, **self.clients.as_service("worker"))
        return Matter(self.desk, name, text)

    async def invited(self, case: Matter, party: str, **fields: str) -> dict[str, Any]:
        """Invite a party at the counter."""
        made: dict[str, Any] = await case.desk.post(f"{party}:invite", "clerk", claim=case.text, **fields)
        return made

    async def guest(self, case: Matter, party: str, language: str, **fields: str) -> Invitee:
        """Invite a party, and return it as it comes by its code."""
        me = Invitee(self.still.stack, language, self.url)
        await me.comes(await self.invited(case, party, **fields))
        return me

    async def wait(self, case: Matter, days: int = 0) -> None:
        """Let days pass: what is due happens, and what happened is told to whom it concerns."""
        for _ in range(days):
            self.still.time.set(self.still.time.now() + timedelta(days=1))
            fire = clock_pb2.FireClocksRequest(service="mediation", case=case.name)
            await self.clients.clocks["mediation"].FireClocks(fire, **self.clients.as_service("worker"))
            await self._tell(case)
        await self._tell(case)

    async def wait_until(self, case: Matter, instant: str) -> None:
        """Let days pass until an instant is over."""
        left = datetime.fromisoformat(instant) - self.still.time.now()
        await self.wait(case, days=left.days + 1)

    async def _tell(self, case: Matter) -> None:
        """Pass on the events of a case that call for notices, as the relay does."""
        async with self.still.backends() as backends:
            told = await self._events(case)
            new = [each for each in told if each.sequence > self._heard.get(case.name, 0)]
            events = notices.heard(SHIPPED)
            wanted = [each for each in new if each.type in events[Source.MEDIATION]]
            await notices.pass_on(Source.MEDIATION, wanted, notices.Outbox(backends, events, asyncio.Event()))
            if new:
                self._heard[case.name] = new[-1].sequence

    async def _events(self, case: Matter) -> list[feed_pb2.Event]:
        request = feed_pb2.ListEventsRequest(service="mediation", case=case.name, page_size=1000)
        found = await self.clients.feeds["mediation"].ListEvents(request, **self.clients.as_service("worker"))
        return list(found.events)


@asynccontextmanager
async def door_of(still: Still) -> AsyncIterator[str]:
    """Run a gateway before a service that stands still, and return its address."""
    stack = still.stack
    ports = {**{name: stack.ports[name] for name in ("intake", "mediation", "escalation")}, still.service: still.port}
    made = GatewaySettings(
        trust_file=stack.keys.trust, client_name="gateway", client_key_file=stack.keys.client("gateway"),
        **{f"{name}_address": f"127.0.0.1:{port}" for name, port in ports.items()},
    )  # type: ignore[arg-type]  # fmt: skip
    gateway = Gateway(made)
    server = _Server(config_of(gateway, made))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        gateway.stopping.set()
        server.should_exit = True
        await serving


@asynccontextmanager
async def town_of(still: Still, around: Clients) -> AsyncIterator[Town]:
    """Run a gateway before mediation that stands still."""
    async with door_of(still) as url, httpx.AsyncClient(base_url=url, timeout=CALL) as rest:
        yield Town(still, Desk(rest, still.stack), still.clients(around), url)
