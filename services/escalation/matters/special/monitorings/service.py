"""RPCs of long-term monitoring: begun with conditions, reviewed at each interval, ended by another person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pb.escalation.v1 import monitoring_pb2 as pb
from pb.escalation.v1 import monitoring_pb2_grpc

from casework import names
from casework.supervision.matters import lead as leading
from casework.supervision.matters import monitoring as rules_of
from casework.supervision.matters.monitoring import Finding, Interval, MonitoringState
from services.escalation import files
from services.escalation.holders import store as holders
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import Monitoring, MonitoringReview
from services.escalation.matters.special.monitorings import store
from services.escalation.matters.special.plans import course as plans
from services.escalation.matters.special.servicer import SpecialServicer, required
from services.escalation.models import File
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


class MonitoringServicer(SpecialServicer, monitoring_pb2_grpc.MonitoringServiceServicer):
    """Serves long-term monitoring."""

    @command(pb.Monitoring)
    async def BeginMonitoring(self, request: pb.BeginMonitoringRequest, work: Work) -> pb.Monitoring:
        """Begin it, for the keeping unit; the matter stays where it is in the ledger."""
        file, matter = await self.matter(request.parent, work)
        work.call.require(matter.keeper)
        matters.must_be_listed(matter)
        told = request.monitoring
        rules_of.may_begin(await store.runs(work.connection, file.number))
        row = await store.add(
            work.connection, file.number, unit=matter.keeper, reason=told.reason, interval_code=Interval(told.interval),
            begun_by=work.actor, begun_at=work.now, due_at=store.NEVER,
            sealed=await self.sealed(work, file, required(told, "text", "monitoring.text")),
        )  # fmt: skip
        row = await next_review(work, row, 1)
        return await self._told(work, row, "MonitoringBegun", reason=row.reason)

    @command(pb.Monitoring)
    async def ReviewMonitoring(self, request: pb.ReviewMonitoringRequest, work: Work) -> pb.Monitoring:
        """Record a review; the next one is due an interval from now."""
        file, row = await self._monitoring(request, work)
        rules_of.must_be_active(row.state)
        finding = Finding(request.finding)
        await store.review(
            work.connection, row, finding=finding, by=work.actor, at=work.now,
            sealed=await self.sealed(work, file, request.text),
        )  # fmt: skip
        await work.stop(file.number, f"review-{row.monitoring}-%")
        row = await next_review(work, row, row.round + 1)
        return await self._told(work, row, "MonitoringReviewed", finding=finding.name)

    @command(pb.Monitoring)
    async def EndMonitoring(self, request: pb.EndMonitoringRequest, work: Work) -> pb.Monitoring:
        """End it, as another person than who began it; at a lawful end, not by the lead. If taken up, a plan is due."""
        file, row = await self._monitoring(request, work)
        to = MonitoringState(request.end)
        state = rules_of.end(row.state, to, work.actor, row.begun_by)
        if to is MonitoringState.LAWFULLY_ENDED:
            lead = await holders.holder(work.connection, file.number, names.file_name(file.number), "lead")
            leading.must_not_be_the_lead(work.actor, lead, leading.Barred.lawful_end)
        row = await store.change(
            work.connection, row, state=state, ended_by=work.actor, ended_at=work.now, due_at=store.NEVER,
            sealed_end=await self.sealed(work, file, request.reason),
        )  # fmt: skip
        await work.stop(file.number, f"review-{row.monitoring}-%")
        if to is MonitoringState.TAKEN_UP:
            await plans.want_revision(work, await matters.get(work.connection, file.number))
        return await self._told(work, row, "MonitoringEnded", end=state.name)

    async def GetMonitoring(self, request: pb.GetMonitoringRequest, context: Context) -> pb.Monitoring:
        """Return a monitoring."""
        async with self.database.read() as connection:
            await self.seen(connection, request.name)
            return await self._shown(connection, await self._found(connection, request.name))

    async def ListMonitorings(self, request: pb.ListMonitoringsRequest, context: Context) -> pb.ListMonitoringsResponse:
        """Return monitorings of the caller's units, the next review first."""
        size = request.page_size or 50
        call, number = current_call(), "" if request.parent == "matters/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "monitorings", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            scope = call.scope(names.last(request.unit))
            if number:
                await self.seen(connection, request.parent)
            found = await store.listed(connection, scope, number, behind or (_BEGINNING, "", 0), size + 1)
            reply = pb.ListMonitoringsResponse(monitorings=[await self._shown(connection, row) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "monitorings", lambda end: (end.due_at or store.NEVER, end.number, end.monitoring)
        )
        return reply

    async def GetMonitoringText(self, request: pb.GetMonitoringTextRequest, context: Context) -> pb.MonitoringText:
        """Return the texts of a monitoring; this is logged."""
        async with self.database.begin() as connection:
            await self.seen(connection, request.name)
            row = await self._found(connection, request.name)
            reviews = await store.reviews(connection, row)
            told, ended, *said = await self.read(
                connection, row.number, row.sealed, row.sealed_end, *(each.sealed for each in reviews)
            )
            await self.log_reading(connection, row.number, row.unit, "MonitoringTextRead", monitoring=row.monitoring)
        self.pulse.beat()
        return pb.MonitoringText(
            name=request.name, text=pb.MonitoringReasons.FromString(told), reviews=[each.decode() for each in said],
            end_reason=ended.decode(),
        )  # fmt: skip

    async def _monitoring(self, request: Versioned, work: Work) -> tuple[File, Monitoring]:
        """Return file and monitoring, locked, if the caller may act for the unit that keeps the matter."""
        file, matter = await self.matter(request.name, work)
        row = await store.get(work.connection, file.number, names.index_of(request.name))
        work.call.require(matter.keeper)
        check_etag(row.version, request.etag)
        return file, row

    @staticmethod
    async def _found(connection: Connection, name: str) -> Monitoring:
        return await store.get(connection, names.number_of(name), names.index_of(name, "monitorings"))

    @staticmethod
    async def _shown(connection: Connection, row: Monitoring) -> pb.Monitoring:
        return _view(row, await store.reviews(connection, row))

    async def _told(self, work: Work, row: Monitoring, kind: str, **payload: object) -> pb.Monitoring:
        await work.append(NewEvent(row.number, kind, row.unit, {"monitoring": row.monitoring, **payload}))
        return await self._shown(work.connection, row)


async def next_review(work: Work, row: Monitoring, index: int) -> Monitoring:
    """Start the clock of a monitoring's next review, and return its new row. The caller appends an event after it."""
    clock = await work.start_clock(
        row.number, f"review-{row.monitoring}-{index}", rules_of.RULES[row.interval_code],
        subject=_name(row), unit=row.unit, at=work.now,
    )  # fmt: skip
    return await store.change(work.connection, row, round=index, due_at=clock.due_at)


def consequences() -> dict[str, Consequence]:
    """Return what follows from a missed review: the next one is due all the same, so that nothing is forgotten."""

    async def missed(work: Work, firing: Firing) -> None:
        number, key = firing.number, firing.key
        await files.lock(work.connection, number)
        row = await store.get(work.connection, number, names.index_of(firing.subject))
        if row.state is not MonitoringState.ACTIVE or key != f"review-{row.monitoring}-{row.round}":
            return
        due_at = row.due_at
        row = await next_review(work, row, row.round + 1)
        # A missed review stays first in the list until it is done.
        first = min((each for each in (due_at, row.due_at) if each), default=None)
        row = await store.change(work.connection, row, due_at=first)
        payload = {"monitoring": row.monitoring, "round": row.round - 1}
        await work.append(NewEvent(number, "MonitoringReviewMissed", row.unit, payload))

    return dict.fromkeys(rules_of.RULES.values(), missed)


def _name(row: Monitoring) -> str:
    return f"{names.file_name(row.number)}/monitorings/{row.monitoring}"


def _view(row: Monitoring, reviews: Sequence[MonitoringReview]) -> pb.Monitoring:
    return pb.Monitoring(
        name=_name(row),
        etag=str(row.version),
        reason=row.reason,
        reviews=[pb.MonitoringReview(review=each.review, review_time=stamp(each.at), **numbers(finding=each.finding))
                 for each in reviews],
        begin_time=stamp(row.begun_at),
        review_due_time=stamp(row.due_at) if row.ended_at is None else None,
        end_time=stamp(row.ended_at),
        beginner=row.begun_by,
        ender=row.ended_by,
        **numbers(state=row.state, interval=row.interval_code),
    )  # fmt: skip
