"""Propagates erasures: what two people decided in mediation is carried out in intake and supervision.

A separate durable consumer on mediation's feed. A requested erasure is only previewed everywhere; a decided one is
carried out everywhere. Each step may be repeated; the position in the feed is acknowledged after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import erasure_pb2
from pb.mediation.v1.erasure_pb2_grpc import ErasureServiceStub

from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import Place
from workflows.messages import Source

CONSUMER = "erasures"
KINDS = {"ErasureRequested": True, "CaseDataErased": False}
"""Events that are propagated, and whether the other services only preview the erasure."""
_PAGE = 500
_TIMEOUT = 30.0
_Erased = intake_pb2.EraseReportDataResponse | escalation_pb2.EraseSupervisionDataResponse


async def carry(loop: Loop, backends: Backends) -> None:
    """Propagate mediation's feed, from the acknowledged position, until the feed breaks off."""
    feed = backends.feeds[Source.MEDIATION]
    stream = feed.WatchEvents(feed_pb2.WatchEventsRequest(service="mediation", consumer=CONSUMER, batch_size=_PAGE))
    await stream.initial_metadata()
    if not stream.done():
        loop.turned()
    async with Place(feed, Source.MEDIATION, CONSUMER) as place:
        async for batch in stream:
            loop.begin()
            for event in batch.events:
                if (validate_only := KINDS.get(event.type)) is not None:
                    key = f"{event.type}-{event.position}"
                    await reach(backends, event.case, validate_only=validate_only, key=key)
            place.reach(batch.position)
            loop.turned()


async def reach(backends: Backends, case: str, *, validate_only: bool, key: str) -> None:
    """Let intake and supervision erase a case, or preview it, and report their results to mediation."""
    number = case.removeprefix("cases/")
    report = intake_pb2.EraseReportDataRequest(
        name=f"reports/{number}", validate_only=validate_only, request_id=f"erase-{key}"
    )
    supervision = escalation_pb2.EraseSupervisionDataRequest(
        name=case, validate_only=validate_only, request_id=f"erase-{key}"
    )
    for service, call in (
        ("intake", lambda: backends.intake.EraseReportData(report, timeout=_TIMEOUT)),
        ("escalation", lambda: backends.escalation.EraseSupervisionData(supervision, timeout=_TIMEOUT)),
    ):
        counts = await _counts(call)
        told = erasure_pb2.ErasureReach(service=service, counts=counts, erased=not validate_only)
        request = erasure_pb2.RecordErasureReachRequest(
            name=f"{case}/erasure", reach=told, request_id=f"reach-{service}-{key}"
        )
        try:
            await ErasureServiceStub(backends.channels[1]).RecordErasureReach(request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            # Erased again from the list, before the database knew of an erasure: there is nobody to report to.
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise


async def _counts(call: Callable[[], Awaitable[_Erased]]) -> dict[str, int]:
    """Return what a service says is erased; nothing if it does not know the matter, such as a case opened manually."""
    try:
        return dict((await call()).counts)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return {}
