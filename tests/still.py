"""A service in the test's own process, with its own database, at a time that the test sets.

Everything in it is real but the time: PostgreSQL, gRPC, the pipeline, access, rules. Deadlines of months are gone
through day by day in moments.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import grpc

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.keeping import automatic_rules, look
from services.kit.clocks.ledger import Pins
from services.kit.composition import Parts, feed_service
from services.kit.rules import Rules, load_rules
from services.kit.serving.access import Access
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.client import channel
from services.kit.serving.server import Pipeline
from services.kit.serving.settings import ServiceSettings
from services.kit.serving.tokens import TokenChecker, TokenMint
from services.kit.storage.database import Database
from services.kit.storage.erasures import ErasureList
from services.kit.storage.feed import FeedPulse
from services.kit.storage.sealing import Sealer
from tests.conftest import Clients
from tests.patience import CALL
from tests.scratch import dropped, migrated
from workflows.backends import Backends
from workflows.cases.activities import Activities
from workflows.messages import CaseStep, Source, Told


class SetTime(BusinessTime):
    """Business time that stands still until it is set."""

    def now(self) -> datetime:
        """Return the instant that was set."""
        return self.epoch or datetime.fromisoformat("2026-03-02T09:00:00+08:00")

    def set(self, instant: datetime) -> datetime:
        """Set the time and return it."""
        object.__setattr__(self, "epoch", instant)
        return instant


@dataclass
class Still:
    """One service that stands still, and how to call it."""

    stack: Stack
    service: str
    time: SetTime
    port: int
    channel: grpc.aio.Channel
    database: Database
    clockwork: Clockwork

    def to(self, local: str) -> datetime:
        """Set the time to an instant in local time, `2026-03-02T09:00`, and return it."""
        return self.time.set(datetime.fromisoformat(f"{local}+08:00"))

    def as_(self, role: str, unit: str, sub: str | None = None, language: str = "en") -> dict[str, Any]:
        """Return the keyword arguments of a call in this role."""
        token = self.stack.token(role, unit, sub)
        return {"metadata": (("authorization", f"Bearer {token}"), ("accept-language", language)), "timeout": CALL}

    def clients(self, around: Clients) -> Clients:
        """Return clients of the stack, with this service in the place of the one it has."""
        return Clients(self.stack, {**around.channels, self.service: self.channel})

    def as_service(self, name: str = "worker") -> dict[str, Any]:
        """Return the keyword arguments of a call as a machine client."""
        return {"metadata": (("authorization", f"Bearer {client_token(self.stack.keys, name)}"),), "timeout": 20}

    @asynccontextmanager
    async def backends(self) -> AsyncIterator[Backends]:
        """Give the block what the worker calls services by, with this service in the place of the one the stack has."""
        mint = TokenMint("worker", self.stack.keys.client("worker"))
        ports = {**{name: self.stack.ports[name] for name in Source}, self.service: self.port}
        at = {source: f"127.0.0.1:{ports[source]}" for source in Source}
        backends = Backends.over({source: channel(at[source], mint, source.value) for source in Source})
        try:
            yield backends
        finally:
            await backends.close()

    async def fire(self, number: str) -> Told:
        """Do what the workflow of a case or file does when a rung has come: the worker's own activity."""
        async with self.backends() as backends:
            return await Activities(backends, self.time).fire_clocks(CaseStep(number, Source(self.service)))


@cache
def shipped_rules(folder: Path) -> Rules:
    """Return the rules of a folder, read once in a run of the tests."""
    return load_rules(folder)


@asynccontextmanager
async def standing_still(stack: Stack, service: str = "escalation") -> AsyncIterator[Still]:
    """Run a service in this process, on a new database beside the stack's, until the block ends."""
    scratch = await migrated(stack, f"still_{uuid.uuid4().hex[:8]}")
    url = scratch.role(service)
    settings = ServiceSettings(
        trust_file=stack.keys.trust, listen="127.0.0.1:0", database_url=url, master_key_file=stack.keys.master,
        files=stack.folder.root / "files", codes_key_file=stack.keys.codes,
        portable_key_file=stack.keys.portable,
    )  # type: ignore[call-arg]  # fmt: skip
    rules, database, time = shipped_rules(settings.rules), Database(url, 4), SetTime()
    clockwork, pins = Clockwork(rules), Pins(database)
    await pins.keep(automatic_rules(rules))
    await look(database, clockwork, time.now())
    sealer, listed = Sealer.from_file(stack.keys.master), ErasureList(None, service)
    parts = Parts(settings, database, time, FeedPulse(), rules, sealer, clockwork, pins, listed)
    room = importlib.import_module(f"services.{service}.main")
    services = [*room.build(parts), feed_service(service, parts, room.DIRECTORY.owner)]
    access = Access(settings.rules / "access", rules.units)
    checker = TokenChecker(stack.keys.trust, service)
    roster = room.DIRECTORY(database)
    pipeline = Pipeline([each for each, _ in services], checker, access, settings, None, time, roster)
    server = grpc.aio.server(interceptors=[pipeline])
    for _, register in services:
        register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    to_it = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield Still(stack, service, time, port, to_it, database, clockwork)
    finally:
        await to_it.close()
        await server.stop(None)
        await database.close()
        await dropped(scratch)
