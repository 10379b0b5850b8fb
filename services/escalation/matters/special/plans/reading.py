"""RPCs that read plans: a version, all versions, the text of one, the differences of two."""

from __future__ import annotations

from pb.escalation.v1 import plans_pb2 as pb

from casework import names
from casework.supervision.matters import plan as rules_of
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.plans import store, view
from services.escalation.matters.special.plans.store import Loaded
from services.escalation.matters.special.servicer import SpecialServicer
from services.kit.numbers import numbers
from services.kit.serving.access import Context
from services.kit.storage.database import Connection


class PlanReadings(SpecialServicer):
    """The RPCs of plans that change nothing."""

    async def GetMatterPlan(self, request: pb.GetMatterPlanRequest, context: Context) -> pb.MatterPlan:
        """Return a version."""
        async with self.database.read() as connection:
            return view.plan(await self._seen_plan(connection, request.name))

    async def ListMatterPlans(self, request: pb.ListMatterPlansRequest, context: Context) -> pb.ListMatterPlansResponse:
        """Return all versions of a matter's plan."""
        async with self.database.read() as connection:
            matter = await matters.get(connection, names.number_of(request.parent))
            found = await store.versions(connection, matter.number)
            await self.seen(connection, request.parent, [unit for each in found for unit in each.units])
        return pb.ListMatterPlansResponse(plans=[view.plan(each) for each in found])

    async def GetMatterPlanText(self, request: pb.GetMatterPlanTextRequest, context: Context) -> pb.MatterPlanText:
        """Return the texts of a version; this is logged."""
        async with self.database.begin() as connection:
            found = await self._seen_plan(connection, request.name)
            text, contents = await self._texts(connection, found)
            row = found.row
            opinions = await self.read(connection, row.number, *(each.sealed for each in found.signatures))
            approval, assessment = await self.read(connection, row.number, row.sealed_approval, row.sealed_assessment)
            matter = await matters.get(connection, row.number)
            await self.log_reading(connection, row.number, matters.answerable(matter), "PlanTextRead", plan=row.plan)
        self.pulse.beat()
        return pb.MatterPlanText(
            name=request.name, text=text, measures=contents, approval_reason=approval.decode(),
            assessment_reason=assessment.decode(),
            opinions=[
                pb.CountersignOpinion(unit=names.unit_name(each.unit), opinion=said.decode(), **numbers(role=each.role))
                for each, said in zip(found.signatures, opinions, strict=True) if said
            ],
        )  # fmt: skip

    async def DiffPlans(self, request: pb.DiffPlansRequest, context: Context) -> pb.DiffPlansResponse:
        """Return the differences of two versions, texts included; this is logged."""
        async with self.database.begin() as connection:
            matter = await self.seen(connection, request.parent)
            base, other = [await store.load(connection, matter.number, plan) for plan in (request.base, request.other)]
            said = [view.fields(each, *await self._texts(connection, each)) for each in (base, other)]
            plans = {"base": request.base, "other": request.other}
            await self.log_reading(connection, matter.number, matters.answerable(matter), "PlansCompared", **plans)
        self.pulse.beat()
        return pb.DiffPlansResponse(
            differences=[
                pb.PlanFieldDiff(field=field, base=before, other=after)
                for field, before, after in rules_of.differences(*said)
            ],
            base_approver=base.row.approved_by,
            other_approver=other.row.approved_by,
        )

    async def _texts(self, connection: Connection, found: Loaded) -> tuple[pb.PlanText, list[str]]:
        row = found.row
        opened = await self.read(connection, row.number, row.sealed, *(each.sealed for each in found.measures))
        return pb.PlanText.FromString(opened[0]), [each.decode() for each in opened[1:]]

    async def _seen_plan(self, connection: Connection, name: str) -> Loaded:
        """Return a version, if the caller may read it, as units that own a measure or countersign may."""
        plan = names.index_of(name, "plans")
        matter = await matters.get(connection, names.number_of(name))
        found = await store.load(connection, matter.number, plan)
        await self.seen(connection, name, found.units)
        return found
