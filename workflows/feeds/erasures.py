"""Propagates erasures: what two people decided in mediation is carried out in intake and supervision.

What they decided in intake, of a report that never became a case, is carried out in supervision. A separate durable
consumer on the feed of each. A requested erasure is only previewed everywhere; a decided one is
carried out everywhere. Each step may be repeated; the position in the feed is acknowledged after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import grpc
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import erasure_pb2
from pb.mediation.v1.erasure_pb2_grpc import ErasureServiceStub
from pb.privacy.v1 import reports_pb2
from pb.privacy.v1.reports_pb2_grpc import ReportPrivacyServiceStub

from casework.names import number_of
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import Place
from workflows.messages import Source

A = TypeVar("A")

CONSUMER = "erasures"
KINDS = {"ErasureRequested": True, "CaseDataErased": False}
"""Events that are propagated, and whether the other services only preview the erasure."""
_PAGE = 500
_TIMEOUT = 30.0


async def carry(loop: Loop, backends: Backends, source: Source) -> None:
    """Propagate a feed, from the acknowledged position, until it breaks off."""
    feed = backends.feeds[source]
    request = feed_pb2.WatchEventsRequest(service=source, consumer=CONSUMER, batch_size=_PAGE, types=KINDS)
    stream = feed.WatchEvents(request)
    await stream.initial_metadata()
    if not stream.done():
        loop.turned()
    async with Place(feed, source, CONSUMER) as place:
        async for batch in stream:
            loop.begin()
            for event in batch.events:
                key, validate_only = f"{event.type}-{number_of(event.case)}-{event.position}", KINDS[event.type]
                if source is Source.MEDIATION:
                    await reach(backends, event.case, validate_only=validate_only, key=key)
                elif "ground" in event.payload:
                    await reach_report(backends, event.case, validate_only=validate_only, key=key)
            place.reach(batch.position)
            loop.turned()


async def reach_report(backends: Backends, case: str, *, validate_only: bool, key: str) -> None:
    """Let supervision erase its data of a report that never became a case, or preview it, and report to intake.

    Intake decided and has erased its own; mediation has nothing of it.
    """
    report = case.replace("cases/", "reports/")
    asked = intake_pb2.EraseReportDataRequest(name=report, validate_only=True, request_id=f"merged-{key}")
    found = await backends.intake.EraseReportData(asked, timeout=_TIMEOUT)
    counts: dict[str, dict[str, int]] = {
        "mediation": {},
        "escalation": await _supervision(backends, list(found.reports), validate_only=validate_only, key=key),
    }
    privacy = ReportPrivacyServiceStub(backends.channels[0])
    for service, reached in counts.items():
        told = erasure_pb2.ErasureReach(service=service, counts=reached, erased=not validate_only)
        request = reports_pb2.RecordReportErasureReachRequest(
            name=f"{report}/erasure", reach=told, request_id=f"reach-{service}-{key}"
        )
        await _unless_unknown(privacy.RecordReportErasureReach(request, timeout=_TIMEOUT))


async def reach(backends: Backends, case: str, *, validate_only: bool, key: str) -> None:
    """Let intake and supervision erase a case, or preview it, and report their results to mediation."""
    report = case.replace("cases/", "reports/")
    asked = intake_pb2.EraseReportDataRequest(name=report, validate_only=validate_only, request_id=f"erase-{key}")
    found = await _unless_unknown(backends.intake.EraseReportData(asked, timeout=_TIMEOUT))
    reports = list(found.reports) if found else [report]
    counts = {
        "intake": dict(found.counts) if found else {},
        "escalation": await _supervision(backends, reports, validate_only=validate_only, key=key),
    }
    erasures = ErasureServiceStub(backends.channels[1])
    for service, reached in counts.items():
        told = erasure_pb2.ErasureReach(service=service, counts=reached, erased=not validate_only)
        request = erasure_pb2.RecordErasureReachRequest(
            name=f"{case}/erasure", reach=told, request_id=f"reach-{service}-{key}"
        )
        # Erased again from the list, before the database knew of an erasure: there is nobody to report to.
        await _unless_unknown(erasures.RecordErasureReach(request, timeout=_TIMEOUT))
    if not validate_only:
        # Last: once the files are gone as well, mediation has erased everything.
        files = erasure_pb2.EraseCaseFilesRequest(name=case, request_id=f"files-{key}")
        await erasures.EraseCaseFiles(files, timeout=_TIMEOUT)


async def _supervision(backends: Backends, reports: list[str], *, validate_only: bool, key: str) -> dict[str, int]:
    """Let supervision erase what it stores about these reports and their cases, or preview it; return the counts."""
    counts: Counter[str] = Counter()
    for report in reports:
        request = escalation_pb2.EraseSupervisionDataRequest(
            name=report.replace("reports/", "cases/"), validate_only=validate_only,
            request_id=f"erase-{number_of(report)}-{key}",
        )  # fmt: skip
        found = await _unless_unknown(backends.escalation.EraseSupervisionData(request, timeout=_TIMEOUT))
        counts.update(found.counts if found else {})
    return dict(counts)


async def _unless_unknown(call: Awaitable[A]) -> A | None:
    """Return an answer; None if the service does not know the matter, such as a case opened manually."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return None
