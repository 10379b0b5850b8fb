"""ScheduleService's RPCs: Temporal wakes on schedule and asks here what is due."""

from __future__ import annotations

from datetime import datetime

from pb.escalation.v1 import schedules_pb2 as pb
from pb.escalation.v1 import schedules_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.meetings import period
from casework.supervision.meetings.period import Every, Period, Rhythm, RhythmCall
from services.escalation.meetings.dispatch import store as meetings
from services.escalation.meetings.models import MeetingSeries
from services.escalation.meetings.schedules import store
from services.escalation.servicer import Servicer
from services.kit.command import Work, command
from services.kit.instants import stamp
from services.kit.rules.supervision.rhythms import DIGEST
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection

_CALLS = {RhythmCall.meeting: pb.SCHEDULE_CALL_MEETING, RhythmCall.digest: pb.SCHEDULE_CALL_DIGEST}
_EVERY = {
    Every.month: pb.SCHEDULE_EVERY_MONTH, Every.week: pb.SCHEDULE_EVERY_WEEK, Every.workday: pb.SCHEDULE_EVERY_WORKDAY,
}  # fmt: skip


class ScheduleServicer(Servicer, schedules_pb2_grpc.ScheduleServiceServicer):
    """Serves schedules: one for each running series, and that of the digest."""

    async def ListSchedules(self, request: pb.ListSchedulesRequest, context: Context) -> pb.ListSchedulesResponse:
        """Return the schedules: the digest, then the series."""
        current_call().require(names.ROOT_UNIT)
        size, now = request.page_size or 50, self.time.now()
        behind = paging.read(request.page_token, "schedules", paging.key)
        async with self.database.begin() as connection:
            await store.began(connection, DIGEST, now)
            found = await meetings.listed_series(connection, "%", behind or "", size + 1, only_open=True)
        reply = pb.ListSchedulesResponse(schedules=[self._shown(row.number, row, now) for row in found[:size]])
        if behind is None:
            reply.schedules.insert(0, self._shown(DIGEST, None, now))
        reply.next_page_token = paging.following(found, size, "schedules", lambda end: end.number)
        return reply

    async def GetSchedule(self, request: pb.GetScheduleRequest, context: Context) -> pb.Schedule:
        """Return a schedule with every due period that was not done, oldest first."""
        current_call().require(names.ROOT_UNIT)
        schedule, now = names.last(request.name), self.time.now()
        async with self.database.begin() as connection:
            series = await self._series(connection, schedule)
            due = await self._due(connection, schedule, series, now)
        shown = self._shown(schedule, series, now)
        shown.due_periods.extend(each.key for each in due)
        return shown

    @command(pb.Schedule)
    async def RecordRun(self, request: pb.RecordRunRequest, work: Work) -> pb.Schedule:
        """Record a period of the digest as done; for a series, the meeting is the record."""
        work.call.require(names.ROOT_UNIT)
        schedule = names.last(request.name)
        series = await self._series(work.connection, schedule)
        if series is not None:
            raise CaseError(Reason.WRONG_STATE, schedule, state="MEETING")
        since = await store.began(work.connection, schedule, work.now)
        rule, calendar = self.rules.rhythms[schedule], self.clockwork.calendars.of()
        found = period.named(rule, request.period, since, work.now, calendar)
        if found is None:
            raise field_error("period", Reason.INVALID_FIELD, request.period)
        if found.at > work.now:
            raise CaseError(Reason.WRONG_STATE, request.period, state="COMING")
        await store.run(work.connection, schedule, request.period, work.now)
        return self._shown(schedule, None, work.now)

    async def _series(self, connection: Connection, schedule: str) -> MeetingSeries | None:
        """Return the series of a schedule, None for the digest's; NOT_FOUND if there is none."""
        if schedule == DIGEST:
            return None
        try:
            return await meetings.series(connection, schedule)
        except CaseError:
            raise CaseError(Reason.NOT_FOUND, f"schedules/{schedule}") from None

    async def _due(
        self, connection: Connection, schedule: str, series: MeetingSeries | None, now: datetime
    ) -> list[Period]:
        if series is None:
            since, done = await store.began(connection, schedule, now), await store.runs(connection, schedule)
            return period.due(self.rules.rhythms[schedule], since, now, done, self.clockwork.calendars.of())
        if series.ended_at:
            return []
        done = await meetings.periods(connection, series.number)
        calendar = self.clockwork.calendars.of(series.unit)
        return period.due(self.rules.rhythms[series.rule], series.began_at, now, done, calendar)

    def _shown(self, schedule: str, series: MeetingSeries | None, now: datetime) -> pb.Schedule:
        rule: Rhythm = self.rules.rhythms[schedule if series is None else series.rule]
        calendar = self.clockwork.calendars.of(series.unit if series is not None else "")
        coming = period.coming(rule, now, calendar)
        return pb.Schedule(
            name=f"schedules/{schedule}",
            call=_CALLS[rule.call],
            subject=names.file_name(series.number) if series is not None else "",
            every=_EVERY[rule.every],
            on=rule.on,
            hour=rule.hour,
            next_period=coming.key,
            next_time=stamp(coming.at),
        )
