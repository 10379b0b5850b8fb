"""Passes on the events that require notices: from the feeds of intake and mediation to the outbox of mediation.

Separate durable consumers, one for each lane, so that nobody's notice waits for an import. A repeat writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from google.protobuf.struct_pb2 import Struct
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import facts_pb2
from pb.intake.v1.facts_pb2_grpc import ReportFactsServiceStub
from pb.mediation.v1 import notices_pb2
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub

from casework.mediation.notice import NoticeBook
from services.kit.rules.folder import RulesFolder
from services.kit.rules.notices import read_notices
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import Place
from workflows.messages import Source

log = structlog.get_logger()

SOURCES = (Source.INTAKE, Source.MEDIATION)
LANES = {"notices": feed_pb2.LANE_PERSON, "notices-bulk": feed_pb2.LANE_BULK}
"""Consumers, and the lane each follows."""
ERASED = "CaseDataErased"
"""Of a report that never became a case: what was still to be sent about it is dropped."""
_BATCH = 500
_PAUSE = 200
"""Milliseconds between two batches: what happens meanwhile is written together."""
_LONGEST = 300
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Outbox:
    """What is read and written: the facts of reports, and the outbox; `more` is set when something was written."""

    backends: Backends
    events: dict[Source, frozenset[str]]
    more: asyncio.Event


def heard(rules: Path) -> dict[Source, frozenset[str]]:
    """Return the events that some notice waits for; exit with every problem if the rules of notices are wrong."""
    folder = RulesFolder(rules)
    found = read_notices(folder)
    if found is None:
        raise SystemExit("\n".join(map(str, folder.problems)))
    book: NoticeBook = found[0]
    return {source: book.events(source) | ({ERASED} if source is Source.INTAKE else set()) for source in SOURCES}


async def take_down(loop: Loop, source: Source, consumer: str, outbox: Outbox) -> None:
    """Follow a lane of a feed, from the acknowledged position, until it breaks off."""
    feed = outbox.backends.feeds[source]
    request = feed_pb2.WatchEventsRequest(
        service=source,
        consumer=consumer,
        lane=LANES[consumer],
        batch_size=_BATCH,
        types=outbox.events[source],
        pause_ms=_PAUSE,
    )
    stream = feed.WatchEvents(request)
    await stream.initial_metadata()
    if not stream.done():
        loop.turned()
    async with Place(feed, source, consumer) as place:
        async for batch in stream:
            loop.begin()
            await pass_on(source, batch.events, outbox)
            place.reach(batch.position)
            loop.turned()


async def pass_on(source: Source, events: Sequence[feed_pb2.Event], outbox: Outbox) -> None:
    """Write the notices that events require; an event that is refused is left out and logged."""
    if not events:
        return
    told = await _heard(source, events, outbox.backends)
    try:
        stub = NoticeServiceStub(outbox.backends.channels[1])
        reply = await stub.RecordNotices(notices_pb2.RecordNoticesRequest(events=told), timeout=_TIMEOUT)
        if reply.written:
            outbox.more.set()
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        if len(events) == 1:
            log.error("a notice's event was refused", source=source, event=events[0].name, why=error.details())
            return
        half = len(events) // 2
        await pass_on(source, events[:half], outbox)
        await pass_on(source, events[half:], outbox)


async def _heard(source: Source, events: Iterable[feed_pb2.Event], backends: Backends) -> list[notices_pb2.HeardEvent]:
    told = [
        notices_pb2.HeardEvent(
            service=source, case=event.case, sequence=event.sequence, type=event.type, time=event.occur_time,
            fields=dict(_fields(event.payload)),
        )
        for event in events
        if event.case.startswith("cases/")
    ]  # fmt: skip
    facts = await _facts({event.case.replace("cases/", "reports/", 1) for event in told}, backends)
    for event in told:
        of_report = facts.get(event.case.replace("cases/", "reports/", 1))
        if of_report is not None:
            event.unit, event.category, event.reachable = of_report.unit, of_report.category, of_report.reachable
    return told


async def _facts(reports: Collection[str], backends: Backends) -> dict[str, facts_pb2.ReportFacts]:
    """Return the facts of those reports that exist: a case that was opened by hand has none."""
    if not reports:
        return {}
    request = facts_pb2.BatchGetReportFactsRequest(names=sorted(reports))
    found = await ReportFactsServiceStub(backends.channels[0]).BatchGetReportFacts(request, timeout=_TIMEOUT)
    return {each.report: each for each in found.facts}


def _fields(payload: Struct) -> Iterable[tuple[str, str]]:
    """Yield the fields of an event that are one word or number, as text."""
    for name, value in payload.fields.items():
        kind = value.WhichOneof("kind")
        if kind == "bool_value":
            yield name, str(value.bool_value).lower()
        elif kind == "number_value":
            yield name, str(int(value.number_value))
        elif kind == "string_value" and 0 < len(value.string_value) <= _LONGEST:
            yield name, " ".join(value.string_value.split())
