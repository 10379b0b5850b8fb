"""Grids of the county and their workers, and for each RPC of grids a good request."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from google.type import date_pb2
from pb.access.v1 import grid_terms_pb2
from pb.intake.v1 import grids_pb2 as pb
from pb.intake.v1.grids_pb2_grpc import GridServiceStub

from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
VILLAGE = f"{COUNTY}001001"
GRID, CLOSED = f"grids/{VILLAGE}001", f"grids/{VILLAGE}009"
_RUNNING = itertools.count(2)
_WORKERS: dict[str, str] = {}
"""An entry of the roster, by the case of each world."""


def day(days: int) -> date_pb2.Date:
    """Return the day so many days from today."""
    found = datetime.now(UTC).astimezone(LOCAL).date() + timedelta(days=days)
    return date_pb2.Date(year=found.year, month=found.month, day=found.day)


def new_worker(account: str, *grids: str) -> pb.GridWorker:
    """Return an entry for the next hundred days."""
    return pb.GridWorker(account=account, grids=grids or (GRID,), first_date=day(0), last_date=day(100))


async def furnish(clients: Clients, world: str) -> None:
    """Register a grid, and put somebody on the roster."""
    stub, head = GridServiceStub(clients.channels["intake"]), clients.as_("unit_head")
    for name in (GRID, CLOSED):
        create = pb.CreateGridRequest(grid=pb.Grid(name=name, display_name="第一网格"), request_id=request_id())
        with contextlib.suppress(grpc.aio.AioRpcError):  # another file's world has it already
            await stub.CreateGrid(create, **head)
    appoint = pb.AppointGridWorkerRequest(grid_worker=new_worker(f"walks-{request_id()}"), request_id=request_id())
    _WORKERS[world] = (await stub.AppointGridWorker(appoint, **head)).name


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def worker(world: Any) -> str:
        return _WORKERS[world.case]

    return {
        "CreateGrid": filled(pb.CreateGridRequest, grid=lambda w: pb.Grid(
            name=f"grids/{VILLAGE}{next(_RUNNING) % 900 + 100}", display_name="又一网格")),
        "ListGrids": filled(pb.ListGridsRequest, unit=lambda w: f"units/{COUNTY}"),
        "CloseGrid": filled(pb.CloseGridRequest, name=lambda w: CLOSED),
        "AppointGridWorker": filled(pb.AppointGridWorkerRequest, grid_worker=lambda w: new_worker(
            f"walks-{request_id()}")),
        "GetGridWorker": filled(pb.GetGridWorkerRequest, name=worker),
        "ListGridWorkers": filled(pb.ListGridWorkersRequest, unit=lambda w: f"units/{COUNTY}"),
        "EndGridTerm": filled(pb.EndGridTermRequest, name=worker, last_date=lambda w: day(50)),
        "RecordTraining": filled(pb.RecordTrainingRequest, name=worker,
                                 training=lambda w: pb.Training(title="入户走访与保密", date=day(0))),
        "ListOwnReports": filled(pb.ListOwnReportsRequest),
        "ListGridTerms": filled(pb.ListGridTermsRequest),
        "RecordGridTerms": filled(grid_terms_pb2.RecordGridTermsRequest, terms=lambda w: [grid_terms_pb2.GridTerm(
            grid_worker=f"gridWorkers/{VILLAGE}-900001", version=1, account="walks-elsewhere", first_date=day(0),
            last_date=day(100))]),
    }  # fmt: skip
