"""What happened to a case, read from the services' own histories: signals are only hints."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from pb.feed.v1 import feed_pb2
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.backends import Backends
from workflows.engine.failures import failure
from workflows.messages import DEFAULT_PURSUED, Asked, Heard, Read, Source, Stage, part_of, workflow_id

_PAGE = 1000
_AT_ONCE = 1.0
"""Seconds within which a history must be read in a workflow task."""
_SLOW = 10.0
"""Seconds for which nothing is read within workflow tasks after a failed read."""

_STAGES = {
    "ReportReceived": Stage.RECEIVED,
    "ReportImported": Stage.ACCEPTED,
    "ReportAccepted": Stage.ACCEPTED,
    "ReportDeclined": Stage.DECLINED,
    "RefusalUpheld": Stage.DECLINED,
    "ReportWithdrawn": Stage.DECLINED,
    "ReportMerged": Stage.MERGED,
    "CaseOpened": Stage.HANDLING,
    "CaseClosed": Stage.CLOSED,
}
_MEDIATION = {
    "MEDIATING": Stage.MEDIATING, "AGREED": Stage.FULFILLING, "NOT_AGREED": Stage.HANDLING, "WITHDRAWN": Stage.HANDLING,
}  # fmt: skip
"""Stage of a case by the state of its mediation."""
_PREFIX = {"mode": "MODE_", "mediation": "MEDIATION_STATE_"}
_TRANSFERS = frozenset({"EscalationRaised", "EscalationReturned", "EscalationTakenUpAgain"})
"""Events after which another unit has the case, if its escalation transfers it."""


def heard(source: Source, event: feed_pb2.Event) -> Heard:
    """Return what a workflow is told about an event."""
    payload: dict[str, Any] = MessageToDict(event.payload)
    next_at = payload.get("next_at")
    transfers = event.type in _TRANSFERS and _short(payload, "mode") == "TRANSFER"
    return Heard(
        source,
        event.sequence,
        event.type,
        _STAGES.get(event.type) or _MEDIATION.get(_short(payload, "mediation")),
        datetime.fromisoformat(next_at) if next_at else None,
        int(payload["escalation"]) if transfers else 0,
        payload["to"].removeprefix("units/") if event.type == "CaseTransferred" else "",
        part_of(event.case, payload) if event.type == DEFAULT_PURSUED else "",
    )


def _short(payload: dict[str, Any], field: str) -> str:
    """Return a value without the name of its enum, which old events do not have."""
    return str(payload.get(field, "")).removeprefix(_PREFIX[field])


def _slow() -> ApplicationError:
    """Return a failure that is no fault and logged as none: the history is read outside of the workflow task then."""
    return ApplicationError(
        "the services are slow", type="slow", non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )


class Chains:
    """Reads histories for workflows."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._slow_until = 0.0

    @activity.defn(name="read_chains")
    async def read_chains(self, asked: Asked) -> Read:
        """Return what happened since, in the requested services.

        A history that ends before the last seen event is read from its beginning, and all others with it. A read within
        a workflow task must finish within a second: after one that does not, none is tried for a while.
        """
        if not activity.info().is_local:
            return await self._read(asked)
        if time.monotonic() < self._slow_until:
            raise _slow()
        try:
            async with asyncio.timeout(_AT_ONCE):
                return await self._read(asked)
        except TimeoutError:
            self._slow_until = time.monotonic() + _SLOW
            raise _slow() from None
        except Exception:
            self._slow_until = time.monotonic() + _SLOW
            raise

    async def _read(self, asked: Asked) -> Read:
        try:
            found = await asyncio.gather(*(self._since(asked.number, name, seen) for name, seen in asked.seen.items()))
            anew = any(chain is None for chain in found)
            if anew:
                found = await asyncio.gather(*(self._since(asked.number, source, 0) for source in Source))
        except grpc.aio.AioRpcError as error:
            raise failure(error) from None
        sources = list(Source) if anew else [Source(name) for name in asked.seen]
        events = [
            (event.record_time.ToNanoseconds(), source, event)
            for source, chain in zip(sources, found, strict=True)
            for event in chain or ()
        ]
        told = [
            heard(source, event) for _, source, event in sorted(events, key=lambda each: each[0]) if _matters(event)
        ]
        return Read(told, {str(source): chain[-1].sequence for source, chain in zip(sources, found, strict=True)
                           if chain}, anew)  # fmt: skip

    async def _since(self, number: str, source: str, seen: int) -> list[feed_pb2.Event] | None:
        """Return the events of a case in one service after a given one; None if that one does not exist."""
        request = feed_pb2.ListEventsRequest(
            service=source, case=workflow_id(number), page_size=_PAGE, after_sequence=max(seen - 1, 0)
        )
        events: list[feed_pb2.Event] = []
        while True:
            page = await self._backends.feeds[Source(source)].ListEvents(request)
            events += page.events
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        if not seen:
            return events
        return events[1:] if events and events[0].sequence == seen else None


def _matters(event: feed_pb2.Event) -> bool:
    return event.wakes or event.type in _STAGES
