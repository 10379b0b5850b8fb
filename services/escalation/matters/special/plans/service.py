"""RPCs of plans: drafted, countersigned, approved, carried out, assessed; all versions are kept."""

from __future__ import annotations

from typing import Any

from pb.escalation.v1 import plans_pb2 as pb
from pb.escalation.v1 import plans_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters import lead as leading
from casework.supervision.matters import plan as rules_of
from casework.supervision.matters.plan import Assessment, MeasureState, PlanState, RightsCheck, Role
from services.escalation.holders import store as holders
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import MatterPlan, PlanCountersignature
from services.escalation.matters.special.plans import course, store, view
from services.escalation.matters.special.plans.reading import PlanReadings
from services.escalation.matters.special.plans.store import Loaded
from services.escalation.matters.special.servicer import required
from services.escalation.models import File, Matter
from services.kit import dates
from services.kit.clocks import clocks
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.storage.events import NewEvent


class PlanServicer(PlanReadings, plans_pb2_grpc.PlanServiceServicer):
    """Serves plans of matters."""

    @command(pb.MatterPlan)
    async def DraftPlan(self, request: pb.DraftPlanRequest, work: Work) -> pb.MatterPlan:
        """Draft a matter's first plan, or the next version of one in force."""
        file, matter = await self.matter(request.parent, work)
        work.call.require_any(matters.concerned(matter))
        matters.must_be_listed(matter)
        before = await store.latest(work.connection, file.number)
        if before is not None:
            rules_of.must_be(before.state, rules_of.REVISABLE)
        row = await store.add(
            work.connection, file.number, state=PlanState.DRAFTED, drafted_by=[work.actor], drafted_at=work.now,
            **await self._said(request.plan, work, file),
        )  # fmt: skip
        await self._write(request.plan, work, file, row)
        return await self._told(work, matter, row.plan, "PlanDrafted")

    @command(pb.MatterPlan)
    async def EditPlan(self, request: pb.EditPlanRequest, work: Work) -> pb.MatterPlan:
        """Replace the content of a draft; whoever edits it may not approve it."""
        file, matter, found = await self._plan(request, work)
        rules_of.must_be(found.row.state, {PlanState.DRAFTED})
        by = [*dict.fromkeys([*found.row.drafted_by, work.actor])]
        row = await store.change(
            work.connection, found.row, drafted_by=by, edition=found.row.edition + 1,
            **await self._said(request.plan, work, file),
        )  # fmt: skip
        await self._write(request.plan, work, file, row)
        return await self._told(work, matter, row.plan, "PlanEdited", edition=row.edition)

    @command(pb.MatterPlan)
    async def SubmitPlan(self, request: pb.SubmitPlanRequest, work: Work) -> pb.MatterPlan:
        """Send a draft for countersigning: to all other units that own a measure or are named, and a legal adviser."""
        _, matter, found = await self._plan(request, work)
        row = found.row
        state = rules_of.move(row.state, PlanState.COUNTERSIGNING)
        besides = [self.known(unit, f"units[{index}]") for index, unit in enumerate(request.units)]
        owners = [measure.unit for measure in found.measures]
        asked = rules_of.asked_to_countersign(matters.answerable(matter), owners, besides)
        row = await store.change(work.connection, row, state=state, submitted_at=work.now, round=row.round + 1)
        await store.ask(work.connection, row, asked)
        await self._clock(work, matter, row, "countersign", "plan_countersign", matters.answerable(matter))
        return await self._told(work, matter, row.plan, "PlanSubmitted", asked=len(asked))

    @command(pb.MatterPlan)
    async def CountersignPlan(self, request: pb.CountersignPlanRequest, work: Work) -> pb.MatterPlan:
        """Countersign for a unit, or as the legal adviser, who is neither a drafter nor the lead official."""
        unit, role = self.known(request.unit, "unit"), Role(request.role)
        file, matter, found = await self._plan(request, work, unit)
        rules_of.must_be(found.row.state, {PlanState.COUNTERSIGNING})
        if not (request.agrees or request.opinion):
            raise field_error("opinion", Reason.REASON_REQUIRED)
        if role is Role.LEGAL_ADVISER:
            self._must_be_on_the_line(unit, matter)
            await self._not_the_lead(work, file, leading.Barred.legal_opinion)
            if work.actor in found.row.drafted_by:
                raise CaseError(Reason.SAME_PERSON)
        asked = _asked(found, unit, role)
        await store.sign(
            work.connection, asked, unit=unit, agrees=request.agrees, signed_by=work.actor, signed_at=work.now,
            sealed=await self.sealed(work, file, request.opinion),
        )  # fmt: skip
        await store.change(work.connection, found.row, state=found.row.state)
        heard = await store.load(work.connection, file.number, found.row.plan)
        if all(each.signed for each in heard.countersigned) and not all(each.signed for each in found.countersigned):
            await work.stop(file.number, f"countersign-{found.row.plan}-%")
            await self._clock(work, matter, found.row, "approve", "plan_approval", matter.keeper)
        return await self._told(
            work, matter, found.row.plan, "PlanCountersigned", role=role.name, agrees=request.agrees
        )

    @command(pb.MatterPlan)
    async def ApprovePlan(self, request: pb.ApprovePlanRequest, work: Work) -> pb.MatterPlan:
        """Approve a plan for the keeping unit, or send it back for editing; the reason is stored."""
        file, matter, found = await self._plan(request, work, owner=False)
        row, to = found.row, PlanState.APPROVED if request.approved else PlanState.DRAFTED
        state = rules_of.move(row.state, to)
        if request.approved:
            rules_of.may_approve(found.countersigned, found.rights, work.actor, row.drafted_by)
        elif work.actor in row.drafted_by:
            raise CaseError(Reason.SAME_PERSON)
        row = await store.change(
            work.connection, row, state=state, sealed_approval=await self.sealed(work, file, request.reason),
            **({"approved_by": work.actor, "approved_at": work.now} if request.approved else {}),
        )  # fmt: skip
        for key in ("countersign", "approve"):
            await work.stop(file.number, f"{key}-{row.plan}-%")
        if request.approved:
            await course.approved(work, matter, row)
        return await self._told(work, matter, row.plan, "PlanApproved" if request.approved else "PlanSentBack")

    @command(pb.MatterPlan)
    async def ReportPlanMeasure(self, request: pb.ReportPlanMeasureRequest, work: Work) -> pb.MatterPlan:
        """Report a measure done; with the last one the plan is carried out, and must be assessed."""
        file, matter = await self.matter(request.name, work)
        plan, index = names.ids_of(request.name)
        measure = await store.measure(work.connection, file.number, plan, index)
        work.call.require(measure.unit)
        check_etag(measure.version, request.etag)
        rules_of.must_run(measure.state)
        await store.change_measure(
            work.connection, measure, state=MeasureState.REPORTED, evidence=request.evidence,
            reported_by=work.actor, reported_at=work.now,
        )  # fmt: skip
        await work.stop(file.number, course.measure_key(measure))
        row = (await store.load(work.connection, file.number, plan)).row
        if await store.undone(work.connection, row) == 0:
            state = rules_of.move(row.state, PlanState.EXECUTED)
            row = await store.change(work.connection, row, state=state, executed_at=work.now)
            await self._clock(work, matter, row, "assess", "plan_assessment", matter.keeper)
        return await self._told(work, matter, plan, "PlanMeasureReported", measure=index)

    @command(pb.MatterPlan)
    async def AssessPlan(self, request: pb.AssessPlanRequest, work: Work) -> pb.MatterPlan:
        """Assess the result of a plan; if it is not enough, the next version is due."""
        file, matter, found = await self._plan(request, work, owner=False)
        state = rules_of.move(found.row.state, PlanState.ASSESSED)
        if work.actor in {*found.row.drafted_by, *(each.reported_by for each in found.measures)}:
            raise CaseError(Reason.SAME_PERSON)
        assessment = Assessment(request.assessment)
        row = await store.change(
            work.connection, found.row, state=state, assessment=assessment, assessed_by=work.actor,
            assessed_at=work.now, sealed_assessment=await self.sealed(work, file, request.reason),
        )  # fmt: skip
        await work.stop(file.number, f"assess-{row.plan}-%")
        if assessment is not Assessment.EFFECTIVE:
            await course.want_revision(work, matter)
        return await self._told(work, matter, row.plan, "PlanAssessed", assessment=assessment.name)

    async def _plan(
        self, request: Versioned, work: Work, *also: str, owner: bool = True
    ) -> tuple[File, Matter, Loaded]:
        """Return file, matter and version, locked; without `owner` only for the keeping unit."""
        file, matter = await self.matter(request.name, work)
        found = await store.load(work.connection, file.number, names.index_of(request.name))
        if also:
            work.call.require(also[0])
        else:
            work.call.require_any(matters.concerned(matter) if owner else (matter.keeper,))
        check_etag(found.row.version, request.etag)
        return file, matter, found

    async def _said(self, plan: pb.MatterPlan, work: Work, file: File) -> dict[str, Any]:
        """Return the columns of a request."""
        told = required(plan, "text", "plan.text")
        rules_of.check_parties(check.party for check in plan.party_checks)
        return {
            "cost_fen": plan.cost_fen,
            "fallback": plan.fallback_route,
            "sealed": await self.sealed(work, file, told),
        }

    async def _write(self, plan: pb.MatterPlan, work: Work, file: File, row: MatterPlan) -> None:
        measures = []
        for index, each in enumerate(plan.measures):
            at = f"plan.measures[{index}]"
            measures.append(
                {
                    "unit": self.known(each.unit, f"{at}.unit"),
                    "kind": each.kind,
                    "due_on": dates.coming(each.due_date, f"{at}.due_date", work.now),
                    "sealed": await self.sealed(work, file, required(each, "content", f"{at}.content")),
                }
            )
        checks = [RightsCheck(each.party, each.may_sue, each.told, each.consents) for each in plan.party_checks]
        await store.write(work.connection, row, measures, checks)

    def _must_be_on_the_line(self, unit: str, matter: Matter) -> None:
        """Raise INVALID_FIELD unless an adviser's unit is below the keeping unit, or at a level above it."""
        tree = self.rules.units
        if not tree.contains(matter.keeper, unit) and unit.partition("-")[0] not in tree.path(matter.keeper)[1:]:
            raise field_error("unit", Reason.INVALID_FIELD, unit)

    async def _not_the_lead(self, work: Work, file: File, what: leading.Barred) -> None:
        lead = await holders.holder(work.connection, file.number, names.file_name(file.number), "lead")
        leading.must_not_be_the_lead(work.actor, lead, what)

    @staticmethod
    async def _clock(work: Work, matter: Matter, row: MatterPlan, key: str, rule: str, unit: str) -> None:
        """Start a clock of a version; if it is sent round again, the clock starts again in full."""
        begun = await clocks.how_many(work.connection, matter.number, f"{key}-{row.plan}-%")
        await work.start_clock(
            matter.number, f"{key}-{row.plan}-{begun + 1}", rule, subject=view.plan_name(row), unit=unit, at=work.now
        )

    @staticmethod
    async def _told(work: Work, matter: Matter, plan: int, kind: str, **payload: object) -> pb.MatterPlan:
        await work.append(NewEvent(matter.number, kind, matters.answerable(matter), {"plan": plan, **payload}))
        return view.plan(await store.load(work.connection, matter.number, plan))


def _asked(found: Loaded, unit: str, role: Role) -> PlanCountersignature:
    """Return the request to countersign; INVALID_FIELD if the unit was not asked, WRONG_STATE once it has signed."""
    asked = [
        each for each in found.signatures if each.role is role and (role is Role.LEGAL_ADVISER or each.unit == unit)
    ]
    if not asked:
        raise field_error("unit", Reason.INVALID_FIELD, unit)
    if asked[0].signed_at is not None:
        raise CaseError(Reason.WRONG_STATE, "SIGNED", state="SIGNED")
    return asked[0]
