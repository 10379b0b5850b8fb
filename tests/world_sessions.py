"""The part of a test's world that sessions, evidence and the caucus compartment are asked about."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.escalation.v1 import worklists_pb2
from pb.mediation.v1 import bookings_pb2, calendars_pb2, caucus_pb2, evidence_pb2, sessions_pb2
from pb.mediation.v1.bookings_pb2_grpc import BookingServiceStub
from pb.mediation.v1.calendars_pb2_grpc import CalendarServiceStub

from tests.conftest import COUNTY, Clients, request_id
from tests.people_of_case import Stubs, give_people

HALL, ATTIC = f"rooms/{COUNTY}-hall-2026", f"rooms/{COUNTY}-attic-2026"
_DAYS = itertools.count(90)
"""A day of its own for whatever takes the hall: whoever shares the stack, it is free."""
_BOOKED: dict[str, str] = {}
"""A booking that is cancelled, by the case of each world."""
_CALENDARS: dict[str, str] = {}
"""The secret of a calendar's address, by the case of each world."""
PDF = b"%PDF-1.7\nthis is a deed of the house\n%%EOF\n"


def at(hours: float, days: float = 0) -> Timestamp:
    """Return the instant so many hours from now."""
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) + timedelta(hours=hours, days=days))
    return found


def new_session(**fields: Any) -> sessions_pb2.Session:
    """Return a good joint session, not yet sent."""
    given = {"kind": 1, "venue": 2, "place": "现场", "start_time": at(1), "end_time": at(3), **fields}
    return sessions_pb2.Session(**given)


def new_room(name: str = HALL) -> sessions_pb2.Room:
    """Return a room of the county."""
    return sessions_pb2.Room(name=name, unit=f"units/{COUNTY}", kind=1, display_name="圆桌调解室", capacity=12)


def new_booking(days: float) -> bookings_pb2.Booking:
    """Return a booking for a court, so many days from now."""
    return bookings_pb2.Booking(purpose=2, start_time=at(0, days), end_time=at(2, days))


def new_evidence(case: str, **fields: Any) -> evidence_pb2.Evidence:
    """Return what a file is that the first party gives."""
    return evidence_pb2.Evidence(**{"type": 1, "party": f"{case}/parties/1", "title": "房产证", **fields})


async def furnish(clients: Clients, case: str) -> None:
    """Give a case its people, two sessions of which one has a record, a file, a note, entries and a sheet of facts."""
    await give_people(clients.stack, case)
    stubs, mediator = Stubs(clients), clients.as_("mediator")
    for name in (HALL, ATTIC):
        create = sessions_pb2.CreateRoomRequest(room=new_room(name), request_id=request_id())
        with contextlib.suppress(grpc.aio.AioRpcError):  # another file's world has it already
            await stubs.sessions.CreateRoom(create, **clients.as_("unit_head"))
    book = bookings_pb2.BookRoomRequest(parent=HALL, booking=new_booking(next(_DAYS)), request_id=request_id())
    booked = await BookingServiceStub(clients.channels["mediation"]).BookRoom(book, **clients.as_("unit_head"))
    _BOOKED[case] = booked.name
    made = await CalendarServiceStub(clients.channels["mediation"]).MakeCalendarAddress(
        calendars_pb2.MakeCalendarAddressRequest(request_id=request_id()), **clients.as_("clerk", sub="subscriber")
    )
    _CALENDARS[case] = made.path.rpartition("/")[2]
    for _ in range(2):
        await stubs.sessions.ScheduleSession(_schedule(case, new_session()), **mediator)
    second = f"{case}/sessions/2"
    await stubs.sessions.StartSession(
        sessions_pb2.StartSessionRequest(name=second, request_id=request_id()), **mediator
    )
    for method, request in (
        (stubs.sessions.WriteSessionRecord, sessions_pb2.WriteSessionRecordRequest(
            name=second, content=sessions_pb2.RecordContent(statements="双方各自陈述"), request_id=request_id())),
        (stubs.caucus.BindParty, caucus_pb2.BindPartyRequest(
            name=f"{case}/parties/1", subject=f"demo-citizen-{COUNTY}", request_id=request_id())),
        (stubs.caucus.DraftFactSheet, caucus_pb2.DraftFactSheetRequest(
            parent=case, facts="双方均认可漏水", request_id=request_id())),
        (stubs.evidence.CreateEvidence, evidence_pb2.CreateEvidenceRequest(
            parent=case, evidence=new_evidence(case), content=PDF, request_id=request_id())),
        (stubs.evidence.CreateInvestigation, evidence_pb2.CreateInvestigationRequest(
            parent=case, content=evidence_pb2.InvestigationContent(text="走访邻居"), request_id=request_id())),
    ):  # fmt: skip
        await method(request, **mediator)


def _schedule(case: str, session: sessions_pb2.Session) -> sessions_pb2.ScheduleSessionRequest:
    return sessions_pb2.ScheduleSessionRequest(parent=case, session=session, request_id=request_id())


def _named(request: type[Message], tail: str, **fields: Any) -> Callable[[Any, str], Message]:
    """Return a maker of requests about something of the world's case."""

    def make(world: Any, server: str) -> Message:
        values = {key: value(world) if callable(value) else value for key, value in fields.items()}
        known = request.DESCRIPTOR.fields_by_name
        values["parent" if "parent" in known else "name"] = world.sitting + tail
        if "request_id" in known:
            values["request_id"] = request_id()
        return request(**values)

    return make


def _room(request: type[Message], **fields: Any) -> Callable[[Any, str], Message]:
    def make(world: Any, server: str) -> Message:
        known = request.DESCRIPTOR.fields_by_name
        return request(**fields, **({"request_id": request_id()} if "request_id" in known else {}))

    return make


def _party(world: Any) -> str:
    return f"{world.sitting}/parties/1"


def _upload(world: Any, server: str) -> Message:
    header = evidence_pb2.EvidenceHeader(
        parent=world.sitting, evidence=new_evidence(world.sitting), request_id=request_id()
    )
    return evidence_pb2.UploadEvidenceRequest(header=header, chunk=PDF + b"uploaded")


def _in_the_hall(day: int) -> sessions_pb2.Session:
    return new_session(venue=1, room=HALL, start_time=at(0, day), end_time=at(2, day))


_S, _E, _C = sessions_pb2, evidence_pb2, caucus_pb2
REQUESTS: dict[str, Callable[[Any, str], Message]] = {
    "CreateRoom": _room(_S.CreateRoomRequest, room=new_room(f"rooms/{COUNTY}-cellar-2026")),
    "GetRoom": _room(_S.GetRoomRequest, name=HALL),
    "ListRooms": _room(_S.ListRoomsRequest, unit=f"units/{COUNTY}"),
    "CloseRoom": _room(_S.CloseRoomRequest, name=ATTIC),
    "BookRoom": lambda world, server: bookings_pb2.BookRoomRequest(
        parent=HALL, booking=new_booking(next(_DAYS)), request_id=request_id()),
    "ListBookings": _room(bookings_pb2.ListBookingsRequest, parent=HALL, unit=f"units/{COUNTY}"),
    "CancelBooking": lambda world, server: bookings_pb2.CancelBookingRequest(
        name=_BOOKED[world.sitting], request_id=request_id()),
    "MakeCalendarAddress": _room(calendars_pb2.MakeCalendarAddressRequest),
    "GetCalendarAddress": _room(calendars_pb2.GetCalendarAddressRequest),
    "RevokeCalendarAddress": _room(calendars_pb2.RevokeCalendarAddressRequest),
    "ReadCalendar": lambda world, server: calendars_pb2.ReadCalendarRequest(code=_CALENDARS[world.sitting]),
    "GetDeadlines": _room(worklists_pb2.GetDeadlinesRequest),
    "ScheduleSession": _named(_S.ScheduleSessionRequest, "", session=lambda w: _in_the_hall(next(_DAYS))),
    "GetSession": _named(_S.GetSessionRequest, "/sessions/1"),
    "ListOwnSessions": lambda world, server: _S.ListOwnSessionsRequest(),
    "ListSessions": _named(_S.ListSessionsRequest, ""),
    "GetSessionContent": _named(_S.GetSessionContentRequest, "/sessions/1/content"),
    "StartSession": _named(_S.StartSessionRequest, "/sessions/1"),
    "EndSession": _named(_S.EndSessionRequest, "/sessions/1"),
    "CancelSession": _named(_S.CancelSessionRequest, "/sessions/1"),
    "RecordAttendance": _named(_S.RecordAttendanceRequest, "/sessions/2",
                               attendances=lambda w: [_S.Attendance(role=1, party=_party(w), presence=1)]),
    "AskOtherTime": _named(_S.AskOtherTimeRequest, "/sessions/1", party=_party, times=lambda w: [at(30)]),
    "AskJointSession": _named(_S.AskJointSessionRequest, "/parties/1", wished=True, asked_alone=True),
    "WriteSessionRecord": _named(_S.WriteSessionRecordRequest, "/sessions/2",
                                 content=_S.RecordContent(statements="双方各自陈述")),
    "GetSessionRecord": _named(_S.GetSessionRecordRequest, "/sessions/2/record"),
    "ConfirmReadBack": _named(_S.ConfirmReadBackRequest, "/sessions/2/record", party=_party, language="zh"),
    "SignSessionRecord": _named(_S.SignSessionRecordRequest, "/sessions/2/record", party=_party, role=1, manner=4),
    "RefuseSessionRecord": _named(_S.RefuseSessionRecordRequest, "/sessions/2/record", party=_party,
                                  reason="没有这样说"),
    "CreateEvidence": _named(_E.CreateEvidenceRequest, "", evidence=lambda w: new_evidence(w.sitting), content=PDF),
    "UploadEvidence": _upload,
    "GetEvidence": _named(_E.GetEvidenceRequest, "/evidence/1"),
    "ListEvidence": _named(_E.ListEvidenceRequest, ""),
    "DownloadEvidence": _named(_E.DownloadEvidenceRequest, "/evidence/1"),
    "CreateInvestigation": _named(_E.CreateInvestigationRequest, "",
                                  content=_E.InvestigationContent(text="走访邻居")),
    "GetInvestigation": _named(_E.GetInvestigationRequest, "/investigations/1"),
    "ListInvestigations": _named(_E.ListInvestigationsRequest, ""),
    "WriteCaucusNote": _named(_C.WriteCaucusNoteRequest, "/caucuses/applicant", note=_C.CaucusNote(text="只对您说")),
    "ListCaucusNotes": _named(_C.ListCaucusNotesRequest, "/caucuses/applicant"),
    "MakeCaucusOffer": _named(_C.MakeCaucusOfferRequest, "/caucuses/applicant",
                              offer=_C.CaucusOffer(terms="最低可以", amount_fen=500000)),
    "ListCaucusOffers": _named(_C.ListCaucusOffersRequest, "/caucuses/applicant"),
    "ListCaucusReads": _named(_C.ListCaucusReadsRequest, "/caucuses/applicant"),
    "BindParty": _named(_C.BindPartyRequest, "/parties/1", subject=f"demo-citizen-{COUNTY}"),
    "DraftFactSheet": _named(_C.DraftFactSheetRequest, "", facts="双方均认可漏水"),
    "GetFactSheet": _named(_C.GetFactSheetRequest, "/factSheets/1"),
    "SignFactSheet": _named(_C.SignFactSheetRequest, "/factSheets/1", party=_party, manner=4),
}  # fmt: skip
