"""The two safety nets under the workflows: late clocks, and matters without a live workflow. They report and heal."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from pb.clock.v1 import clock_pb2
from temporalio.client import Client

from services.kit.instants import instant
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loop
from services.kit.serving.settings import ClientSettings
from workflows.backends import Backends
from workflows.messages import Source
from workflows.nets import orphans as orphaned
from workflows.nets.matters import clocks_to_come
from workflows.nets.rebuild import rebuild

log = structlog.get_logger()

GRACE = 60
"""Seconds of business time after which a due rung is late: its case's workflow fires it within a second or two."""
_EVERY = 20.0
_HELD_EVERY = 1800.0
WITHIN = 600.0
"""Seconds a pass over all clocks or all matters may take."""


async def fire_late(backends: Backends, grace: int = GRACE) -> list[str]:
    """Fire every rung that is late, oldest first within each service; return their clocks."""
    fired: list[str] = []
    for source in Source:
        more = True
        while more:
            answer = await backends.clocks[source].FireDueClocks(
                clock_pb2.FireDueClocksRequest(service=source, grace_seconds=grace), timeout=60
            )
            fired += [firing.clock for firing in answer.firings]
            more = answer.more
    return fired


async def late(backends: Backends, settings: ClientSettings, grace: int = GRACE) -> list[dict[str, Any]]:
    """Return the running clocks with a rung that has been due for longer than the grace, oldest first."""
    now = BusinessTime.of(settings).now()
    found: list[dict[str, Any]] = []
    async for clock in clocks_to_come(backends):
        due = instant(clock.next_time)
        seconds = int((now - due).total_seconds())
        if seconds > grace:
            found.append({"clock": clock.name, "due": due.isoformat(), "late_seconds": seconds})
    return sorted(found, key=lambda each: (-each["late_seconds"], each["clock"]))


async def orphans(client: Client, backends: Backends) -> list[str]:
    """Return the numbers of matters that need a workflow and have no live one of their own."""
    return list(await orphaned.orphans(client, backends))


async def keep_held(loop: Loop, client: Client, backends: Backends, time: BusinessTime) -> None:
    """For ever, start missing workflows: an operator's mistake must not cost anybody a deadline."""
    while True:
        loop.turned()
        await asyncio.sleep(_HELD_EVERY)
        loop.begin()
        if await orphaned.orphans(client, backends):
            _, started = await rebuild(client, backends, time)
            log.warning("started missing workflows", workflows=started)


async def keep(loop: Loop, backends: Backends, speed: float) -> None:
    """For ever, fire late rungs, whether or not Temporal is up."""
    # If business time runs faster, a workflow's grace in real time is longer in business time.
    grace = int(min(GRACE * speed, 86_400))
    while True:
        loop.begin()
        if fired := await fire_late(backends, grace):
            log.warning("fired late rungs", rungs=len(fired))
        loop.turned()
        await asyncio.sleep(_EVERY)
