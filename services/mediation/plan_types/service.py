"""RPCs of plan types."""

from __future__ import annotations

from pb.mediation.v1 import plan_types_pb2 as pb
from pb.mediation.v1 import plan_types_pb2_grpc

from casework.errors import CaseError, Reason
from services.kit.serving.access import Context, current_call
from services.mediation.plan_types import keeping, view
from services.mediation.servicer import Servicer


class PlanTypeServicer(Servicer, plan_types_pb2_grpc.PlanTypeServiceServicer):
    """Serves plan types. They are of no unit: every office may know by which plan it works."""

    async def ListPlanTypes(self, request: pb.ListPlanTypesRequest, context: Context) -> pb.ListPlanTypesResponse:
        """Return all versions, by type, the newest first."""
        found = [each for each in await self._all() if not request.states or each.state in request.states]
        return pb.ListPlanTypesResponse(plan_types=found)

    async def GetPlanType(self, request: pb.GetPlanTypeRequest, context: Context) -> pb.PlanType:
        """Return a version of a type."""
        found = {each.name: each for each in await self._all()}.get(request.name)
        if found is None:
            raise CaseError(Reason.NOT_FOUND, request.name)
        return found

    async def _all(self) -> list[pb.PlanType]:
        current_call().scope()
        async with self.database.read() as connection:
            kept = await keeping.types(connection)
        found = sorted(keeping.known(self.rules.plans, kept).items(), reverse=True)
        found.sort(key=lambda each: each[0][0])
        return [view.plan_type(plan, kept.get(key)) for key, plan in found]
