"""RPCs of the pool of experts: each expert is a file, so that every reading of a name is in its history."""

from __future__ import annotations

from datetime import UTC, datetime

from pb.escalation.v1 import consultations_pb2 as pb
from pb.escalation.v1 import consultations_pb2_grpc

from casework import names
from services.escalation.matters.special.experts import store
from services.escalation.matters.special.models import Expert
from services.escalation.matters.special.servicer import SpecialServicer, required
from services.kit.command import Work, check_etag, command
from services.kit.instants import stamp
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.events import NewEvent

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


class ExpertServicer(SpecialServicer, consultations_pb2_grpc.ExpertServiceServicer):
    """Serves the pool of experts."""

    @command(pb.Expert)
    async def RegisterExpert(self, request: pb.RegisterExpertRequest, work: Work) -> pb.Expert:
        """Enter an expert in the pool, with a sealed name."""
        told = request.expert
        unit = self.known(told.unit, "expert.unit")
        work.call.require(unit)
        name = required(told, "display_name", "expert.display_name")
        file = await self.opened(work, "experts", unit)
        row = await store.add(
            work.connection, file.number, unit=unit, account=told.user, fields=sorted(told.fields), active=True,
            registered_at=work.now, sealed=await self.sealed(work, file, name),
        )  # fmt: skip
        await work.append(NewEvent(file.number, "ExpertRegistered", unit, {"fields": list(row.fields)}))
        return _view(row)

    @command(pb.Expert)
    async def ChangeExpert(self, request: pb.ChangeExpertRequest, work: Work) -> pb.Expert:
        """Change fields, or whether the expert may be drawn; running consultations stay."""
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        fields = sorted(request.fields) or list(row.fields)
        row = await store.change(work.connection, row, fields=fields, active=request.active)
        payload = {"fields": fields, "active": row.active}
        await work.append(NewEvent(file.number, "ExpertChanged", row.unit, payload))
        return _view(row)

    async def GetExpert(self, request: pb.GetExpertRequest, context: Context) -> pb.Expert:
        """Return an expert, without the name."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
        current_call().require(row.unit)
        return _view(row)

    async def ListExperts(self, request: pb.ListExpertsRequest, context: Context) -> pb.ListExpertsResponse:
        """Return the experts of the caller's units, oldest entry first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "experts", paging.instant, paging.key) or (_BEGINNING, "")
        async with self.database.read() as connection:
            found = await store.listed(connection, scope, request.field, behind, size + 1)
        reply = pb.ListExpertsResponse(experts=[_view(row) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "experts", lambda end: (end.registered_at, end.number))
        return reply

    async def GetExpertIdentity(self, request: pb.GetExpertIdentityRequest, context: Context) -> pb.ExpertIdentity:
        """Return an expert's name; this is logged."""
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.name))
            current_call().require(row.unit)
            (name,) = await self.read(connection, row.number, row.sealed)
            await self.log_reading(connection, row.number, row.unit, "ExpertIdentityRead")
        self.pulse.beat()
        return pb.ExpertIdentity(name=request.name, display_name=name.decode())


def _view(row: Expert) -> pb.Expert:
    return pb.Expert(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        fields=list(row.fields),
        user=row.account,
        active=row.active,
        register_time=stamp(row.registered_at),
    )
