"""The RPCs of bookings of rooms."""

from __future__ import annotations

from datetime import timedelta

from pb.mediation.v1 import bookings_pb2 as pb
from pb.mediation.v1 import bookings_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from services.kit import dates
from services.kit.command import Work, command
from services.kit.instants import instant, stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.mediation.bookings import store
from services.mediation.models.sessions import Period, Room, RoomBooking
from services.mediation.servicer import Servicer
from services.mediation.sessions import store as sessions

_AHEAD, _LONGEST, _MOST = timedelta(days=366), timedelta(days=31), 1000


class BookingServicer(Servicer, bookings_pb2_grpc.BookingServiceServicer):
    """Serves bookings of rooms."""

    @command(pb.Booking)
    async def BookRoom(self, request: pb.BookRoomRequest, work: Work) -> pb.Booking:
        """Book a room; whoever schedules a session in it at the same moment waits, and finds it taken."""
        start, end = instant(request.booking.start_time), instant(request.booking.end_time)
        if not work.now <= start <= work.now + _AHEAD:
            raise field_error("booking.start_time", Reason.INVALID_FIELD, "now to 366 days ahead")
        if not start < end <= start + _LONGEST:
            raise field_error("booking.end_time", Reason.INVALID_FIELD, "after start_time, at most 31 days")
        room = await sessions.get_room(work.connection, names.last(request.parent), lock=True)
        work.call.require(room.unit)
        if room.closed_at is not None:
            raise CaseError(Reason.ROOM_CLOSED, request.parent)
        row = await store.book(work.connection, room.room, Period(start, end), request.booking.purpose, work.now)
        return _booking(row, room)

    async def ListBookings(self, request: pb.ListBookingsRequest, context: Context) -> pb.ListBookingsResponse:
        """Return what rooms are taken for on a day."""
        call, now = current_call(), self.time.now()
        day = dates.read(request.date, "date") if request.HasField("date") else dates.today(now)
        start = dates.first_second(day)
        async with self.database.read() as connection:
            if request.parent == "rooms/-":
                unit, room = paging.subtree(call.scope(names.last(request.unit))), ""
            else:
                found = await sessions.get_room(connection, names.last(request.parent))
                call.require(found.unit)
                unit, room = found.unit, found.room
            taken = await store.taken(connection, unit, room, Period(start, start + timedelta(days=1)), _MOST)
        return pb.ListBookingsResponse(bookings=[_taken(each) for each in taken])

    @command(pb.Booking)
    async def CancelBooking(self, request: pb.CancelBookingRequest, work: Work) -> pb.Booking:
        """Cancel a booking; a second time changes nothing."""
        _, code, _, number = request.name.split("/")
        room = await sessions.get_room(work.connection, code)
        work.call.require(room.unit)
        row = await store.get(work.connection, code, int(number), request.name)
        if row.cancelled_at is None:
            if row.during.end <= work.now:
                raise CaseError(Reason.WRONG_STATE, "it is over")
            row = await store.cancel(work.connection, row, work.now)
        return _booking(row, room)


def _booking(row: RoomBooking, room: Room) -> pb.Booking:
    return pb.Booking(
        name=f"{names.room_name(row.room)}/bookings/{row.booking}",
        room=names.room_name(row.room),
        room_display_name=room.display_name,
        start_time=stamp(row.during.start),
        end_time=stamp(row.during.end),
        cancel_time=stamp(row.cancelled_at),
        **numbers(purpose=row.purpose),
    )


def _taken(each: store.Taken) -> pb.Booking:
    return pb.Booking(
        name=f"{names.room_name(each.room)}/bookings/{each.booking}" if each.booking else "",
        room=names.room_name(each.room),
        room_display_name=each.display_name,
        start_time=stamp(each.during.start),
        end_time=stamp(each.during.end),
        **numbers(purpose=each.purpose),
    )
