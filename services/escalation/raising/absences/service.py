"""RPCs of absences: recording and ending them; and the worklist of an official."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pb.escalation.v1 import absences_pb2 as pb
from pb.escalation.v1 import absences_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.raising import absence as rules_of
from casework.supervision.raising.absence import Absence, AbsenceState
from services.escalation import files
from services.escalation.raising.absences import models, standing_in, store
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.events import NewEvent


class AbsenceServicer(Servicer, absences_pb2_grpc.AbsenceServiceServicer):
    """Serves absences and worklists."""

    @command(pb.Absence)
    async def CreateAbsence(self, request: pb.CreateAbsenceRequest, work: Work) -> pb.Absence:
        """Record that an official is absent and who stands in; it ends by itself with its last day."""
        told, unit = request.absence, self.known(request.absence.unit, "absence.unit")
        work.call.require(unit)
        first, last = dates.read(told.first_date, "absence.first_date"), dates.read(told.last_date, "absence.last_date")
        file = await self.opened(work, "absences", unit)
        others = [_absence(row) for row in await store.standing(work.connection, unit)]
        new = Absence(unit, told.official, told.cover, first, last)
        rules_of.check(new, others, dates.today(work.now))
        row = await store.add(
            work.connection, file.number, unit=unit, official=new.official, cover=new.cover, first_on=first,
            last_on=last,
        )  # fmt: skip
        await work.start_clock(
            file.number, standing_in.END, standing_in.RULE, subject=names.file_name(file.number), unit=unit,
            at=work.now, until=dates.last_second(last),
        )  # fmt: skip
        await work.append(NewEvent(file.number, "AbsenceRecorded", unit, {"first": first, "last": last}))
        return _view(row, dates.today(work.now))

    async def GetAbsence(self, request: pb.GetAbsenceRequest, context: Context) -> pb.Absence:
        """Return an absence that is not over."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
        current_call().require(row.unit)
        today = dates.today(self.time.now())
        _must_not_be_over(row, today)
        return _view(row, today)

    async def ListAbsences(self, request: pb.ListAbsencesRequest, context: Context) -> pb.ListAbsencesResponse:
        """Return the absences of the caller's units that are not over."""
        size, today = request.page_size or 50, dates.today(self.time.now())
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "absences", paging.day, paging.key) or (date.min, "")
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), today, behind, size + 1)
        reply = pb.ListAbsencesResponse(absences=[_view(row, today) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "absences", lambda end: (end.first_on, end.number))
        return reply

    @command(pb.Absence)
    async def EndAbsence(self, request: pb.EndAbsenceRequest, work: Work) -> pb.Absence:
        """End an absence before its last day."""
        await files.lock(work.connection, names.number_of(request.name))
        row = await store.get(work.connection, names.number_of(request.name))
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        today = dates.today(work.now)
        _must_not_be_over(row, today)
        return _view(await standing_in.end(work, row, work.now), today)

    async def ListHoldings(self, request: pb.ListHoldingsRequest, context: Context) -> pb.ListHoldingsResponse:
        """Return what the caller holds or stands in for today, the most urgent first."""
        call, now, size = current_call(), self.time.now(), request.page_size or 50
        scope = call.scope(names.last(request.unit))
        mark = paging.read(request.page_token, "holdings", paging.instant, paging.position)
        behind = mark or (datetime(1, 1, 2, tzinfo=UTC), 0)
        async with self.database.read() as connection:
            found = await store.worklist(
                connection, call.caller.subject, paging.subtree(scope), dates.today(now), behind, size + 1
            )
        reply = pb.ListHoldingsResponse(holdings=[_holding(row, call.caller.subject, now) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "holdings", lambda end: (end.due_at, end.id))
        return reply


def _must_not_be_over(row: models.Absence, today: date) -> None:
    if rules_of.state_of(row.first_on, row.last_on, row.ended_at is not None, today) is AbsenceState.ENDED:
        raise CaseError(Reason.WRONG_STATE, AbsenceState.ENDED.name, state=AbsenceState.ENDED.name)


def _absence(row: models.Absence) -> Absence:
    return Absence(row.unit, row.official, row.cover, row.first_on, row.last_on)


def _view(row: models.Absence, today: date) -> pb.Absence:
    return pb.Absence(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        official=row.official,
        cover=row.cover,
        first_date=dates.shown(row.first_on),
        last_date=dates.shown(row.last_on),
        end_time=stamp(row.ended_at),
        **numbers(state=rules_of.state_of(row.first_on, row.last_on, row.ended_at is not None, today)),
    )


def _holding(row: store.Held, caller: str, now: datetime) -> pb.Holding:
    return pb.Holding(
        subject=row.subject,
        role=row.role,
        unit=names.unit_name(row.unit),
        official=row.official,
        covered=row.official != caller,
        since_time=stamp(row.since),
        due_time=stamp(row.due_at) if row.due_at < store.NEVER else None,
        overdue=row.due_at < now,
    )
