"""MeetingService's RPCs about series and meetings; those about decisions are in `decisions`."""

from __future__ import annotations

from datetime import datetime

from pb.escalation.v1 import meetings_pb2 as pb
from pb.escalation.v1 import meetings_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.meetings import meeting as rules_of
from casework.supervision.meetings import period
from casework.supervision.meetings.meeting import MINUTES
from casework.supervision.meetings.period import Rhythm, RhythmCall
from services.escalation.meetings.dispatch import agenda, store, view
from services.escalation.meetings.dispatch.decisions import Decisions
from services.escalation.meetings.models import Meeting, MeetingSeries
from services.escalation.models import File
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import NEVER
from services.kit.rules.supervision.rhythms import MEETING
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class MeetingServicer(Decisions, meetings_pb2_grpc.MeetingServiceServicer):
    """Serves series, meetings and decisions."""

    @command(pb.MeetingSeries)
    async def CreateMeetingSeries(self, request: pb.CreateMeetingSeriesRequest, work: Work) -> pb.MeetingSeries:
        """Begin a series; Temporal gets its schedule from the list of series."""
        asked = request.meeting_series
        unit, rule = self.known(asked.unit, "meeting_series.unit"), asked.rule or MEETING
        work.call.require(unit)
        found = self.rules.rhythms.get(rule)
        if found is None or found.call is not RhythmCall.meeting:
            raise field_error("meeting_series.rule", Reason.UNKNOWN_RULE, rule)
        file = await self.opened(work, "meetingSeries", unit)
        row = await store.add_series(work.connection, file.number, unit, rule=rule, began_at=work.now)
        await work.append(NewEvent(row.number, "MeetingSeriesBegun", unit, {"rule": rule}))
        return self._series(row, work.now)

    async def GetMeetingSeries(self, request: pb.GetMeetingSeriesRequest, context: Context) -> pb.MeetingSeries:
        """Return a series."""
        async with self.database.read() as connection:
            row = await store.series(connection, names.number_of(request.name))
        current_call().require(row.unit)
        return self._series(row, self.time.now())

    async def ListMeetingSeries(
        self, request: pb.ListMeetingSeriesRequest, context: Context
    ) -> pb.ListMeetingSeriesResponse:
        """Return series of the caller's units, by name."""
        size, now = request.page_size or 50, self.time.now()
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "meetingSeries", paging.key) or ""
        async with self.database.read() as connection:
            found = await store.listed_series(
                connection, paging.subtree(scope), behind, size + 1, only_open=request.open
            )  # fmt: skip
        reply = pb.ListMeetingSeriesResponse(meeting_series=[self._series(row, now) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "meetingSeries", lambda end: end.number)
        return reply

    @command(pb.MeetingSeries)
    async def EndMeetingSeries(self, request: pb.EndMeetingSeriesRequest, work: Work) -> pb.MeetingSeries:
        """End a series; decisions of its meetings continue."""
        row = await self._locked_series(request.name, work)
        check_etag(row.version, request.etag)
        if row.ended_at:
            raise CaseError(Reason.WRONG_STATE, "ENDED", state="ENDED")
        row = await store.end_series(work.connection, row.number, work.now)
        await work.append(NewEvent(row.number, "MeetingSeriesEnded", row.unit))
        return self._series(row, work.now)

    @command(pb.Meeting)
    async def PrepareMeeting(self, request: pb.PrepareMeetingRequest, work: Work) -> pb.Meeting:
        """Prepare the meeting of a period, once: a repeat returns the existing one."""
        series = await self._locked_series(request.parent, work)
        rule, calendar = self.rules.rhythms[series.rule], self.clockwork.calendars.of(series.unit)
        wanted = request.period or period.coming(rule, work.now, calendar).key
        if there := await store.of_period(work.connection, series.number, wanted):
            return await self._meeting(work.connection, there)
        if series.ended_at:
            raise CaseError(Reason.WRONG_STATE, "ENDED", state="ENDED")
        if period.named(rule, wanted, series.began_at, work.now, calendar) is None:
            raise field_error("period", Reason.INVALID_FIELD, wanted)
        file = await self.opened(work, "meetings", series.unit)
        row = await store.prepare(
            work.connection, file.number, series=series.number, period=wanted, unit=series.unit,
            rule_version=rule.version, prepared_at=work.now,
        )  # fmt: skip
        drawn = await agenda.draw(work.connection, row.number, row.unit, rule.agenda, work.now, calendar)
        row = await store.change(work.connection, row.number, agenda_items=drawn)
        payload = {"series": names.file_name(series.number), "period": wanted, "agenda_items": drawn}
        await work.append(NewEvent(row.number, "MeetingPrepared", row.unit, payload))
        return view.meeting(row, 0)

    async def GetMeeting(self, request: pb.GetMeetingRequest, context: Context) -> pb.Meeting:
        """Return a meeting."""
        async with self.database.read() as connection:
            row = await self._seen(connection, request.name)
            return await self._meeting(connection, row)

    async def ListMeetings(self, request: pb.ListMeetingsRequest, context: Context) -> pb.ListMeetingsResponse:
        """Return meetings of the caller's units, newest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "meetings", paging.instant, paging.key) or (NEVER, "")
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), behind, size + 1, only_open=request.open)
            still_open = await store.open_decisions(connection, [row.number for row in found])
        reply = pb.ListMeetingsResponse(
            meetings=[view.meeting(row, still_open.get(row.number, 0)) for row in found[:size]]
        )
        reply.next_page_token = paging.following(found, size, "meetings", lambda end: (end.prepared_at, end.number))
        return reply

    async def ListAgendaItems(self, request: pb.ListAgendaItemsRequest, context: Context) -> pb.ListAgendaItemsResponse:
        """Return the agenda of a meeting, in order."""
        size = request.page_size or 50
        behind = paging.read(request.page_token, "agendaItems", paging.number) or 0
        async with self.database.read() as connection:
            row = await self._seen(connection, request.parent)
            found = await store.items(connection, row.number, behind, size + 1)
        reply = pb.ListAgendaItemsResponse(agenda_items=map(view.item, found[:size]))
        reply.next_page_token = paging.following(found, size, "agendaItems", lambda end: end.item)
        return reply

    @command(pb.Meeting)
    async def HoldMeeting(self, request: pb.HoldMeetingRequest, work: Work) -> pb.Meeting:
        """Record a meeting as held; its minutes are due in three working days."""
        _, row = await self._locked_meeting(request, work)
        attendees = sorted(names.last(each) for each in request.attendees)
        unknown = [unit for unit in attendees if unit not in self.rules.units]
        if unknown:
            raise field_error("attendees", Reason.UNKNOWN_UNIT, unknown[0])
        state = rules_of.hold(row.state)
        clock = await work.start_clock(
            row.number, "minutes-1", MINUTES, subject=names.file_name(row.number), unit=row.unit, at=work.now
        )
        row = await store.change(
            work.connection, row.number, state=state, attendees=attendees, held_at=work.now,
            minutes_due_at=clock.due_at,
        )  # fmt: skip
        await work.append(NewEvent(row.number, "MeetingHeld", row.unit, {"attendees": len(attendees)}))
        return await self._meeting(work.connection, row)

    @command(pb.Meeting)
    async def WriteMinutes(self, request: pb.WriteMinutesRequest, work: Work) -> pb.Meeting:
        """Store the minutes of a held meeting, sealed."""
        file, row = await self._locked_meeting(request, work)
        rules_of.check_held(row.state)
        sealed = (await self.seal(work, file)).seal(request.minutes.SerializeToString())
        row = await store.change(
            work.connection, row.number, minutes_sealed=sealed, minutes_at=row.minutes_at or work.now
        )
        await work.stop(row.number, "minutes-1")
        await work.append(NewEvent(row.number, "MinutesWritten", row.unit))
        return await self._meeting(work.connection, row)

    async def ReadMinutes(self, request: pb.ReadMinutesRequest, context: Context) -> pb.MinutesText:
        """Return the minutes; this is logged."""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            if row.minutes_sealed is None:
                raise CaseError(Reason.NOT_FOUND, request.name)
            opener = await self.opener(connection, row.number)
            text = pb.MinutesText.FromString(opener.open(row.minutes_sealed))
            await self.log_reading(connection, row.number, row.unit, "MinutesRead")
        self.pulse.beat()
        return text

    @command(pb.Meeting)
    async def CloseMeeting(self, request: pb.CloseMeetingRequest, work: Work) -> pb.Meeting:
        """Close a meeting whose minutes are written and whose decisions are all done."""
        _, row = await self._locked_meeting(request, work)
        still_open = (await store.open_decisions(work.connection, [row.number])).get(row.number, 0)
        state = rules_of.close(row.state, minutes=row.minutes_at is not None, still_open=still_open)
        row = await store.change(work.connection, row.number, state=state, closed_at=work.now)
        await work.append(NewEvent(row.number, "MeetingClosed", row.unit))
        return view.meeting(row, 0)

    async def _locked_series(self, name: str, work: Work) -> MeetingSeries:
        file = await self.locked(name, work)
        row = await store.series(work.connection, file.number)
        work.call.require(row.unit)
        return row

    async def _locked_meeting(self, request: Versioned, work: Work) -> tuple[File, Meeting]:
        file = await self.locked(request.name, work)
        row = await store.meeting(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return file, row

    @staticmethod
    async def _seen(connection: Connection, name: str) -> Meeting:
        row = await store.meeting(connection, names.number_of(name))
        current_call().require(row.unit)
        return row

    @staticmethod
    async def _meeting(connection: Connection, row: Meeting) -> pb.Meeting:
        still_open = await store.open_decisions(connection, [row.number])
        return view.meeting(row, still_open.get(row.number, 0))

    def _series(self, row: MeetingSeries, now: datetime) -> pb.MeetingSeries:
        rule: Rhythm = self.rules.rhythms[row.rule]
        coming = None if row.ended_at else period.coming(rule, now, self.clockwork.calendars.of(row.unit))
        return view.series(row, rule, coming)
