"""The projector: takes over the facts that supervision counts from intake and mediation, following their feeds.

A separate durable consumer that delays nobody: from a feed it takes only which cases something happened to, waits a
moment so that a case with ten events is read once, reads at most 500 cases with three calls, and rests longer than it
worked. A province's import makes it lag, and it catches up. It passes on codes and times only, no person and no text.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc
import structlog
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import facts_pb2
from pb.escalation.v1.facts_pb2_grpc import FactsServiceStub
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import facts_pb2 as intake_facts
from pb.intake.v1.facts_pb2_grpc import ReportFactsServiceStub
from pb.mediation.v1 import facts_pb2 as mediation_facts
from pb.mediation.v1.facts_pb2_grpc import CaseFactsServiceStub

from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import Gathered, Place, read_on
from workflows.messages import Source

log = structlog.get_logger()

CONSUMER = "supervision"
SOURCES = (Source.INTAKE, Source.MEDIATION)
AT_ONCE = 500
"""Cases read at a time; the contracts allow no more."""
_PAUSE = 500
"""Milliseconds to collect a case's events."""
_REST = 3.0
"""Rest, as a multiple of the time worked: at most a quarter of one core, however much there is to take over."""
_AHEAD = 4 * AT_ONCE
"""Cases kept in memory before the feed is read further."""
WITHIN = 600.0
"""Seconds a pass over so many may take."""
_PAGE = 1000
_TIMEOUT = 30.0


@dataclass(frozen=True)
class FactsBackends:
    """Stubs of what facts are read from and written to."""

    reports: ReportFactsServiceStub
    cases: CaseFactsServiceStub
    facts: FactsServiceStub
    backends: Backends

    @classmethod
    def of(cls, backends: Backends) -> FactsBackends:
        """Return stubs on the channels that are there."""
        intake, mediation, escalation = backends.channels
        return cls(
            ReportFactsServiceStub(intake), CaseFactsServiceStub(mediation), FactsServiceStub(escalation), backends
        )


async def project(loop: Loop, source: Source, facts: FactsBackends) -> None:
    """Take over a service's feed, from the acknowledged position, until the feed breaks off."""
    request = feed_pb2.WatchEventsRequest(
        service=source, consumer=CONSUMER, batch_size=_PAGE, names_only=True, pause_ms=_PAUSE
    )
    gathered = Gathered(_AHEAD)
    stream = facts.backends.feeds[source].WatchEvents(request)
    await stream.initial_metadata()
    reading = asyncio.create_task(read_on(stream, gathered))
    try:
        async with Place(facts.backends.feeds[source], source, CONSUMER) as place:
            while not reading.done():
                if not stream.done():
                    loop.turned()
                await gathered.more.wait()
                loop.begin()
                await asyncio.sleep(_PAUSE / 1000)
                started = time.monotonic()
                cases, position = gathered.take()
                for first in range(0, len(cases), AT_ONCE):
                    await _try_each(source, facts, cases[first : first + AT_ONCE])
                if position:
                    place.reach(position)
                loop.turned()
                await asyncio.sleep(_REST * (time.monotonic() - started))
        await reading
    finally:
        reading.cancel()


async def rebuild(source: Source, facts: FactsBackends) -> int:
    """Take over a service's whole feed, and return the number of cases. Safe to repeat."""
    seen: set[str] = set()
    request = feed_pb2.WatchEventsRequest(service=source, batch_size=AT_ONCE, names_only=True, until_caught_up=True)
    async for batch in facts.backends.feeds[source].WatchEvents(request):
        new = [event.case for event in batch.events if event.case.startswith("cases/") and event.case not in seen]
        await _try_each(source, facts, new)
        seen.update(new)
    return len(seen)


async def _try_each(source: Source, facts: FactsBackends, cases: Sequence[str]) -> None:
    """Take cases over together; a case whose facts are refused is left out and logged."""
    try:
        await take_over(source, facts, cases)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        if len(cases) == 1:
            log.error("facts refused", source=source, case=cases[0], why=error.details())
            return
        half = len(cases) // 2
        await _try_each(source, facts, cases[:half])
        await _try_each(source, facts, cases[half:])


async def take_over(source: Source, facts: FactsBackends, cases: Sequence[str]) -> None:
    """Read the facts of cases, then their clocks, and record both.

    In this order: clocks newer than the last event of the facts do no harm, older ones would.
    """
    if not cases:
        return
    record = facts_pb2.RecordFactsRequest(request_id=f"facts-{uuid.uuid4().hex}")
    if source is Source.INTAKE:
        names = [case.replace("cases/", "reports/", 1) for case in cases]
        asked = intake_facts.BatchGetReportFactsRequest(names=names)
        record.reports.extend((await facts.reports.BatchGetReportFacts(asked, timeout=_TIMEOUT)).facts)
    else:
        wanted = mediation_facts.BatchGetCaseFactsRequest(names=cases)
        record.cases.extend((await facts.cases.BatchGetCaseFacts(wanted, timeout=_TIMEOUT)).facts)
    record.clocks.extend(map(_clock, await _clocks(source, facts, cases)))
    if record.reports or record.cases:
        await facts.facts.RecordFacts(record, timeout=_TIMEOUT)


async def _clocks(source: Source, facts: FactsBackends, cases: Iterable[str]) -> list[clock_pb2.Clock]:
    found: list[clock_pb2.Clock] = []
    request = clock_pb2.ListClocksRequest(service=source, cases=cases, page_size=_PAGE)
    while True:
        page = await facts.backends.clocks[source].ListClocks(request, timeout=_TIMEOUT)
        found += page.clocks
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


def _clock(clock: clock_pb2.Clock) -> facts_pb2.ClockFacts:
    told = facts_pb2.ClockFacts(
        clock=clock.name,
        rule=clock.rule,
        unit=clock.unit,
        subject=clock.subject,
        state=clock.state,
        taken_by=clock.taken_by,
    )
    for time_ in ("start_time", "due_time", "next_time", "stop_time"):
        if clock.HasField(time_):
            getattr(told, time_).CopyFrom(getattr(clock, time_))
    return told
