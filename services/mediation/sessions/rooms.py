"""Rooms: the register of each unit."""

from __future__ import annotations

from pb.mediation.v1 import sessions_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from services.kit.command import Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.mediation.servicer import Servicer
from services.mediation.sessions import store, view


class RoomRpcs(Servicer):
    """The RPCs on rooms."""

    @command(pb.Room)
    async def CreateRoom(self, request: pb.CreateRoomRequest, work: Work) -> pb.Room:
        """Register a room of a unit."""
        room, unit = names.last(request.room.name), self.known(request.room.unit, "room.unit")
        if not room.startswith(f"{unit}-"):
            raise field_error("room.name", Reason.INVALID_FIELD, f"rooms/{unit}-…")
        work.call.require(unit)
        row = {
            "room": room,
            "unit": unit,
            "kind": request.room.kind,
            "display_name": request.room.display_name,
            "capacity": request.room.capacity,
            "accessible": request.room.accessible,
            "at": work.now,
        }
        return view.room(await store.add_room(work.connection, row))

    async def GetRoom(self, request: pb.GetRoomRequest, context: Context) -> pb.Room:
        """Return a room."""
        async with self.database.read() as connection:
            row = await store.get_room(connection, names.last(request.name))
        current_call().require(row.unit)
        return view.room(row)

    async def ListRooms(self, request: pb.ListRoomsRequest, context: Context) -> pb.ListRoomsResponse:
        """Return the open rooms of the caller's units, by name."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "rooms", paging.key)
        async with self.database.read() as connection:
            rows = await store.list_rooms(connection, paging.subtree(scope), behind or "", size + 1)
        reply = pb.ListRoomsResponse(rooms=[view.room(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "rooms", lambda end: end.room)
        return reply

    @command(pb.Room)
    async def CloseRoom(self, request: pb.CloseRoomRequest, work: Work) -> pb.Room:
        """Close a room for new sessions; those already scheduled stay."""
        row = await store.get_room(work.connection, names.last(request.name), lock=True)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return view.room(await store.close_room(work.connection, row.room, work.now))
