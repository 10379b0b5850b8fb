"""The RPCs of grids and of the roster of grid workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pb.access.v1 import grid_terms_pb2
from pb.intake.v1 import grids_pb2 as pb
from pb.intake.v1 import grids_pb2_grpc

from casework import names
from casework.door import rounds as rules_of
from casework.door.complaint import lies_within
from casework.door.rounds import Term
from casework.errors import Reason, field_error
from services.intake import view
from services.intake.grids import rounds, store
from services.intake.grids.models import Grid, GridTraining, GridWorker
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.instants import NEVER, stamp
from services.kit.servicer import Servicer
from services.kit.serving.access import OFFICIALS, Context, current_call
from services.kit.storage import paging

_VILLAGE = 12
"""Digits of a grid's code that are those of its village."""


class GridServicer(Servicer, grids_pb2_grpc.GridServiceServicer):
    """Serves grids and the roster."""

    service = "intake"
    heads = "reports"

    @command(pb.Grid)
    async def CreateGrid(self, request: pb.CreateGridRequest, work: Work) -> pb.Grid:
        """Register a grid of a village."""
        grid = names.last(request.grid.name)
        unit = self.known(f"units/{grid[:_VILLAGE]}", "grid.name")
        work.call.require(unit)
        return _grid(await store.add(work.connection, grid, unit, request.grid.display_name, work.now))

    async def ListGrids(self, request: pb.ListGridsRequest, context: Context) -> pb.ListGridsResponse:
        """Return the open grids of the caller's units."""
        scope, size = current_call().scope(names.last(request.unit)), request.page_size or 50
        behind = paging.read(request.page_token, "grids", paging.key) or ""
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), behind, size + 1)
        reply = pb.ListGridsResponse(grids=[_grid(row) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "grids", lambda end: end.grid)
        return reply

    @command(pb.Grid)
    async def CloseGrid(self, request: pb.CloseGridRequest, work: Work) -> pb.Grid:
        """Close a grid; the terms of those who work there go on."""
        grid = names.last(request.name)
        work.call.require(grid[:_VILLAGE])
        await store.get(work.connection, grid)
        await store.close(work.connection, grid, work.now)
        return _grid(await store.get(work.connection, grid))

    @command(pb.GridWorker)
    async def AppointGridWorker(self, request: pb.AppointGridWorkerRequest, work: Work) -> pb.GridWorker:
        """Put an account on the roster of a village."""
        told = request.grid_worker
        grids = [names.last(each) for each in told.grids]
        unit = self.known(f"units/{grids[0][:_VILLAGE]}", "grid_worker.grids[0]")
        work.call.require(unit)
        there = await store.lock(work.connection, unit)
        for place, grid in enumerate(grids):
            if grid not in there:
                why = "of another village" if not grid.startswith(unit) else "no such open grid"
                raise field_error(f"grid_worker.grids[{place}]", Reason.UNKNOWN_GRID, why)
        first = dates.read(told.first_date, "grid_worker.first_date")
        last = dates.coming(told.last_date, "grid_worker.last_date", work.now)
        if last < first:
            raise field_error("grid_worker.last_date", Reason.INVALID_FIELD, "before first_date")
        term = Term(frozenset(grids), first, last)
        if rules_of.overlaps(term, await store.terms_alone(work.connection, told.account)):
            raise field_error("grid_worker.account", Reason.ALREADY_EXISTS, "serves on some of these days already")
        row = await store.appoint(work.connection, unit, told.account, term)
        return _worker(row, [], dates.today(work.now))

    async def GetGridWorker(self, request: pb.GetGridWorkerRequest, context: Context) -> pb.GridWorker:
        """Return an entry of the roster."""
        current_call().require(_village(request.name))
        async with self.database.read() as connection:
            row = await store.worker(connection, request.name)
            held = await store.trainings(connection, [row.unit])
        return _worker(row, held.get((row.unit, row.worker_no), []), dates.today(self.time.now()))

    async def ListGridWorkers(self, request: pb.ListGridWorkersRequest, context: Context) -> pb.ListGridWorkersResponse:
        """Return the roster of the caller's units; a grid worker's own entries only."""
        call, size, today = current_call(), request.page_size or 50, dates.today(self.time.now())
        scope = call.scope(names.last(request.unit))
        behind = paging.read(request.page_token, "gridWorkers", paging.key, paging.number) or ("", 0)
        own = "" if call.caller.roles & OFFICIALS else call.caller.subject
        async with self.database.read() as connection:
            found = await store.roster(
                connection, paging.subtree(scope), own, request.include_ended, today, behind, size + 1
            )
            held = await store.trainings(connection, sorted({row.unit for row in found}))
        shown = [_worker(row, held.get((row.unit, row.worker_no), []), today) for row in found[:size]]
        reply = pb.ListGridWorkersResponse(grid_workers=shown)
        reply.next_page_token = paging.following(found, size, "gridWorkers", lambda end: (end.unit, end.worker_no))
        return reply

    @command(pb.GridWorker)
    async def EndGridTerm(self, request: pb.EndGridTermRequest, work: Work) -> pb.GridWorker:
        """End a term before its last day."""
        work.call.require(_village(request.name))
        row = await store.worker(work.connection, request.name, locked=True)
        check_etag(row.version, request.etag)
        last = dates.read(request.last_date, "last_date")
        if not row.first_on <= last <= row.last_on:
            raise field_error("last_date", Reason.INVALID_FIELD, f"{row.first_on} … {row.last_on}")
        row = await store.end_term(work.connection, row, last)
        held = await store.trainings(work.connection, [row.unit])
        return _worker(row, held.get((row.unit, row.worker_no), []), dates.today(work.now))

    @command(pb.GridWorker)
    async def RecordTraining(self, request: pb.RecordTrainingRequest, work: Work) -> pb.GridWorker:
        """Record a training that a grid worker attended."""
        work.call.require(_village(request.name))
        row = await store.worker(work.connection, request.name, locked=True)
        day = dates.read(request.training.date, "training.date")
        if day > dates.today(work.now):
            raise field_error("training.date", Reason.IN_THE_FUTURE, day.isoformat())
        await store.add_training(work.connection, row, request.training.title, day)
        held = await store.trainings(work.connection, [row.unit])
        return _worker(row, held[row.unit, row.worker_no], dates.today(work.now))

    async def ListOwnReports(self, request: pb.ListOwnReportsRequest, context: Context) -> pb.ListOwnReportsResponse:
        """Return what the caller reported as a grid worker or handed over for an authority, newest first."""
        call, size = current_call(), request.page_size or 50
        call.require(call.caller.unit)
        behind = paging.read(request.page_token, "own", paging.instant, paging.key) or (NEVER, "")
        async with self.database.read() as connection:
            found = await store.own(connection, call.caller.subject, behind, size + 1)
        reply = pb.ListOwnReportsResponse()
        for seen, row in found[:size]:
            if lies_within(row.about, call.caller.unit):
                # A unit that is complained about never sees it again, not even the person who recorded it there.
                continue
            shown = reply.reports.add()
            shown.CopyFrom(view.report(row, call.language, self.time.now()))
            rounds.put(shown, seen)
        reply.next_page_token = paging.following(found, size, "own", lambda end: (end[0].received_at, end[0].number))
        return reply

    async def ListGridTerms(self, request: pb.ListGridTermsRequest, context: Context) -> pb.ListGridTermsResponse:
        """Return until when everybody on the roster serves, for those who tell the other services."""
        current_call().require(names.ROOT_UNIT)
        size = request.page_size or 50
        behind = paging.read(request.page_token, "gridTerms", paging.key, paging.number) or ("", 0)
        async with self.database.read() as connection:
            found = await store.changed(connection, request.recent, behind, size + 1)
        terms = [
            grid_terms_pb2.GridTerm(
                grid_worker=f"gridWorkers/{row.unit}-{row.worker_no}", version=row.version, account=row.account,
                first_date=dates.shown(row.first_on), last_date=dates.shown(row.last_on),
            )
            for row in found[:size]
        ]  # fmt: skip
        reply = pb.ListGridTermsResponse(terms=terms)
        reply.next_page_token = paging.following(found, size, "gridTerms", lambda end: (end.unit, end.worker_no))
        return reply


def _village(name: str) -> str:
    return names.last(name).partition("-")[0]


def _grid(row: Grid) -> pb.Grid:
    return pb.Grid(
        name=f"grids/{row.grid}", display_name=row.display_name, unit=names.unit_name(row.unit),
        close_time=stamp(row.closed_at),
    )  # fmt: skip


def _worker(row: GridWorker, held: Sequence[GridTraining], today: date) -> pb.GridWorker:
    return pb.GridWorker(
        name=f"gridWorkers/{row.unit}-{row.worker_no}",
        etag=str(row.version),
        account=row.account,
        grids=[f"grids/{each}" for each in row.grids],
        first_date=dates.shown(row.first_on),
        last_date=dates.shown(row.last_on),
        trainings=[pb.Training(title=each.title, date=dates.shown(each.held_on)) for each in held],
        unit=names.unit_name(row.unit),
        serving=store.term_of(row).holds(today),
    )
