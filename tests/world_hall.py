"""The hall of the county, and for each RPC of halls a good request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.type import date_pb2
from pb.intake.v1 import hall_pb2 as pb
from pb.intake.v1.hall_pb2_grpc import HallServiceStub

from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
HALL = f"halls/{COUNTY}"
_TICKETS: dict[str, str] = {}
"""A ticket that waits, by the case of each world."""


def today() -> date_pb2.Date:
    """Return today, where the hall is."""
    now = datetime.now(UTC).astimezone(LOCAL)
    return date_pb2.Date(year=now.year, month=now.month, day=now.day)


def new_hall(name: str = HALL) -> pb.Hall:
    """Return a hall that never closes, with two queues, two windows and a court."""
    always = pb.HallHours(days=pb.HALL_DAYS_EVERY, opens="00:00", closes="24:00")
    return pb.Hall(
        name=name, open_door=True, hours=[always],
        queues=[
            pb.HallQueue(letter="A", title="矛盾纠纷", title_en="Disputes"),
            pb.HallQueue(letter="B", title="诉讼服务", title_en="Court", categories=["categories/contract"]),
        ],
        windows=[pb.HallWindow(window=1, queues=["A"]), pb.HallWindow(window=2, queues=["B", "A"])],
        postings=[
            pb.HallPosting(posting=1, window=1),
            pb.HallPosting(posting=2, department=f"units/{COUNTY}-court", window=2, hours=[always]),
        ],
    )  # fmt: skip


async def furnish(clients: Clients, world: str) -> None:
    """Set up the hall and draw a ticket."""
    stub = HallServiceStub(clients.channels["intake"])
    configure = pb.ConfigureHallRequest(hall=new_hall(), request_id=request_id())
    await stub.ConfigureHall(configure, **clients.as_("unit_head"))
    draw = pb.DrawTicketRequest(parent=HALL, queue="A", request_id=request_id())
    _TICKETS[world] = (await stub.DrawTicket(draw, **clients.as_("clerk"))).name


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def ticket(world: Any) -> str:
        return _TICKETS[world.case]

    def day(world: Any) -> str:
        found = today()
        return f"{HALL}/days/{found.year}-{found.month:02}-{found.day:02}"

    def hall(world: Any) -> str:
        return HALL

    return {
        "ConfigureHall": filled(pb.ConfigureHallRequest, hall=lambda w: new_hall()),
        "GetHall": filled(pb.GetHallRequest, name=hall),
        "AssignDuty": filled(pb.AssignDutyRequest, name=lambda w: f"{HALL}/postings/1", first_date=lambda w: today(),
                             officer=lambda w: "clerk-620102"),
        "GetHallDay": filled(pb.GetHallDayRequest, name=day),
        "DrawTicket": filled(pb.DrawTicketRequest, parent=hall, queue=lambda w: "B"),
        "GetTicket": filled(pb.GetTicketRequest, name=ticket),
        "GetBoard": filled(pb.GetBoardRequest, name=lambda w: f"{HALL}/board"),
        "ListTickets": filled(pb.ListTicketsRequest, parent=hall),
        "CallNextTicket": filled(pb.CallNextTicketRequest, name=lambda w: f"{HALL}/windows/1"),
        "RecallTicket": filled(pb.RecallTicketRequest, name=ticket, window=lambda w: 1),
        "PassTicket": filled(pb.PassTicketRequest, name=ticket),
        "ServeTicket": filled(pb.ServeTicketRequest, name=ticket, report=lambda w: w.report.name),
        "MoveTicket": filled(pb.MoveTicketRequest, name=ticket, queue=lambda w: "B"),
    }  # fmt: skip
