"""Propagates case ownership (standing) from mediation to the services that decide by it, at once.

A separate durable consumer without delay: those responsible see a case from the moment it is theirs, and those no
longer responsible no longer do.
"""

from __future__ import annotations

import asyncio

from pb.access.v1 import standing_pb2
from pb.access.v1.standing_pb2_grpc import StandingServiceStub
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import facts_pb2
from pb.mediation.v1.facts_pb2_grpc import CaseFactsServiceStub

from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import Gathered, Place, read_on
from workflows.messages import Source

CONSUMER = "standings"
TOLD = (Source.INTAKE, Source.ESCALATION)
"""Services that are notified; indexes of their channels in `Backends.channels`."""
AT_ONCE = 500
"""Cases read at a time; the contracts allow no more."""
_TIMEOUT = 30.0
_PAUSE = 100
"""Milliseconds between two readings: what happens meanwhile is read together."""


async def hand_on_all(loop: Loop, backends: Backends) -> None:
    """Propagate mediation's feed, from the acknowledged position, until the feed breaks off."""
    feed = backends.feeds[Source.MEDIATION]
    request = feed_pb2.WatchEventsRequest(
        service=Source.MEDIATION, consumer=CONSUMER, batch_size=AT_ONCE, names_only=True, pause_ms=_PAUSE
    )
    stream = feed.WatchEvents(request)
    await stream.initial_metadata()
    gathered = Gathered(AT_ONCE)
    reading = asyncio.create_task(read_on(stream, gathered))
    try:
        async with Place(feed, Source.MEDIATION, CONSUMER) as place:
            while not reading.done():
                if not stream.done():
                    loop.turned()
                await gathered.more.wait()
                loop.begin()
                cases, position = gathered.take()
                for first in range(0, len(cases), AT_ONCE):
                    await hand_on(backends, cases[first : first + AT_ONCE])
                if position:
                    place.reach(position)
                loop.turned()
        await reading
    finally:
        reading.cancel()


async def hand_on(backends: Backends, cases: list[str]) -> None:
    """Read the standing of at most 500 cases, and send it to the services that do not own them."""
    if not cases:
        return
    intake, mediation, escalation = backends.channels
    asked = facts_pb2.BatchGetCaseStandingsRequest(names=cases)
    found = (await CaseFactsServiceStub(mediation).BatchGetCaseStandings(asked, timeout=_TIMEOUT)).standings
    if not found:
        return
    await asyncio.gather(
        *(
            StandingServiceStub(channel).RecordStandings(
                standing_pb2.RecordStandingsRequest(service=source, standings=found), timeout=_TIMEOUT
            )
            for source, channel in zip(TOLD, (intake, escalation), strict=True)
        )
    )
