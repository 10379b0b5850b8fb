"""Serves live digests, and stores those of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from google.type import date_pb2
from pb.escalation.v1 import digests_pb2 as pb
from pb.escalation.v1 import digests_pb2_grpc

from casework import names
from casework.clocks.calendar import LOCAL
from casework.errors import Reason, field_error
from casework.supervision.figures.reporting_period import local_day
from services.escalation import scope
from services.escalation.figures.digests import counting, store
from services.escalation.servicer import Servicer
from services.kit.command import Work, command
from services.kit.instants import stamp
from services.kit.serving.access import Context
from services.kit.storage import paging
from services.kit.storage.database import Connection

_LAST = date(9999, 1, 1)


class DigestServicer(Servicer, digests_pb2_grpc.DigestServiceServicer):
    """Serves digests."""

    async def GetDigest(self, request: pb.GetDigestRequest, context: Context) -> pb.Digest:
        """Return the digest of a unit and all units below it, counted now."""
        unit, now = scope.asked(request.unit), self.time.now()
        day = _day(request, now)
        async with self.database.read() as connection:
            found = await counting.count(connection, scope.subtree(unit), day, now)
        return _view(unit, day, found[""].content(), min(now, local_day(day)[1]))

    @command(pb.CompileDigestsResponse)
    async def CompileDigests(self, request: pb.CompileDigestsRequest, work: Work) -> pb.CompileDigestsResponse:
        """Store the digests of a day, once: those of the first call stay, whatever is recorded later."""
        work.call.require(names.ROOT_UNIT)
        day = _day(request, work.now)
        if not await store.claim(work.connection, day, min(work.now, local_day(day)[1]), work.now):
            return pb.CompileDigestsResponse()
        above = await self._above(work.connection)
        counted = await counting.count(work.connection, scope.subtree(names.ROOT_UNIT), day, work.now, above)
        await store.keep(work.connection, day, {unit: each.content() for unit, each in counted.items()})
        return pb.CompileDigestsResponse(compiled=len(counted))

    async def ListDigests(self, request: pb.ListDigestsRequest, context: Context) -> pb.ListDigestsResponse:
        """Return the stored digests of a unit, newest first."""
        unit, size = scope.asked(request.unit), request.page_size or 30
        behind = paging.read(request.page_token, "digests", _ordinal) or _LAST
        async with self.database.read() as connection:
            rows = await store.listed(connection, unit, behind, size + 1)
        reply = pb.ListDigestsResponse(
            digests=[
                _view(unit, digest.day, digest.content, as_of_at, compiled_at)
                for digest, as_of_at, compiled_at in rows[:size]
            ]
        )
        reply.next_page_token = paging.following(rows, size, "digests", lambda end: end.digest.day.toordinal())
        return reply

    async def _above(self, connection: Connection) -> Mapping[str, tuple[str, ...]]:
        """Return, for each unit with data, the units in whose digests it is counted: itself, and those above it."""
        units = await store.units(connection)
        return {unit: self.rules.units.path(unit) for unit in units if unit in self.rules.units}


def _day(request: pb.CompileDigestsRequest | pb.GetDigestRequest, now: datetime) -> date:
    today = now.astimezone(LOCAL).date()
    if not request.HasField("date"):
        return today
    try:
        day = date(request.date.year, request.date.month, request.date.day)
    except ValueError:
        raise field_error("date", Reason.INVALID_FIELD, "date") from None
    if day > today:
        raise field_error("date", Reason.IN_THE_FUTURE, day.isoformat())
    if day.year < 1950:
        raise field_error("date", Reason.INVALID_FIELD, "date")
    return day


def _ordinal(value: object) -> date:
    ordinal = paging.number(value)
    if not 1 <= ordinal <= _LAST.toordinal():
        raise ValueError
    return date.fromordinal(ordinal)


def _view(
    unit: str, day: date, content: Mapping[str, Any], as_of: datetime, compiled_at: datetime | None = None
) -> pb.Digest:
    return pb.Digest(
        name=f"{names.unit_name(unit)}/digests/{day.isoformat()}",
        unit=names.unit_name(unit),
        date=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        as_of_time=stamp(as_of),
        counts=[
            pb.DigestCount(kind=kind, new=new, due_today=due, overdue=overdue)
            for kind, new, due, overdue in content["counts"]
        ],
        waiting=[
            pb.DigestWaiting(
                unit=names.unit_name(other), step=step, count=count, overdue=overdue,
                earliest_due_time=stamp(datetime.fromisoformat(due)) if due else None,
            )
            for other, step, count, overdue, due in content["waiting"]
        ],
        compile_time=stamp(compiled_at),
    )  # fmt: skip
