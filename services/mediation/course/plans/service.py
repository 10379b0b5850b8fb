"""RPCs of plan changes: requested by the handler of the case, decided by somebody else, every version kept."""

from __future__ import annotations

from pb.mediation.v1 import case_plan_pb2 as pb
from pb.mediation.v1 import case_plan_pb2_grpc

from casework import names
from casework.case import someone_else
from casework.errors import CaseError, Reason
from casework.mediation.plan_change import ChangeState
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import keys, record, words
from services.mediation import store as cases
from services.mediation.course.plans.changing import Change, Signed, carry_out
from services.mediation.models.cases import Case
from services.mediation.models.plans import PlanChange, PlanVersion
from services.mediation.plan_migrations import store as migrations
from services.mediation.plans import keeping, store, view
from services.mediation.servicer import Servicer


class CasePlanServicer(Servicer, case_plan_pb2_grpc.CasePlanServiceServicer):
    """Serves changes and versions of plans."""

    body_key_name = "requests of plans"

    @command(pb.PlanChange)
    async def RevisePlan(self, request: pb.RevisePlanRequest, work: Work) -> pb.PlanChange:
        """Change the plan at once, or propose it to somebody else."""
        case = await self.locked(request.name, work)
        base = await store.current(work.connection, case.number)
        check_etag(base, request.etag)
        change = await self._change(work.connection, case, request.revision)
        change.check(request.propose)
        if request.propose:
            await store.none_may_wait(work.connection, case.number)
        number = await store.next_of(work.connection, case.number)
        sealer = await keys.writing(work.connection, self.sealer, case)
        said = pb.PlanChange(revision=request.revision, reason=request.reason)
        made = 0 if request.propose else await carry_out(work, change, sealer, Signed(number, work.actor))
        until = await keeping.begin_decision(work, case, number) if request.propose else None
        row = await store.add(
            work.connection, number=case.number, change=number, unit=case.unit, base=base, made=made,
            state=ChangeState.PROPOSED if request.propose else ChangeState.APPLIED, proposed_by=work.actor,
            proposed_at=work.now, decide_until=until, sealed=sealer.seal(said.SerializeToString()),
        )  # fmt: skip
        if request.propose:
            payload = {"change": number, "base": base}
            await work.append(NewEvent(case.number, "PlanChangeProposed", case.unit, payload))
        return view.change(row)

    @command(pb.PlanChange)
    async def DecidePlanChange(self, request: pb.DecidePlanChangeRequest, work: Work) -> pb.PlanChange:
        """Approve a proposed change, checked against the plan as it is now, or refuse it."""
        case, row = await self._proposed(request, work)
        someone_else(work.actor, row.proposed_by)
        await keeping.end_decision(work, case.number, row.change)
        sealer = await keys.writing(work.connection, self.sealer, case)
        said, made = pb.PlanChange.FromString(sealer.open(row.sealed)), 0
        if request.approved:
            change = await self._change(work.connection, case, said.revision)
            change.check(proposed=True)
            made = await carry_out(work, change, sealer, Signed(row.change, row.proposed_by, work.actor))
        else:
            await work.append(NewEvent(case.number, "PlanChangeRefused", case.unit, {"change": row.change}))
        changed = await store.change(
            work.connection, row, state=ChangeState.APPLIED if made else ChangeState.REFUSED, made=made,
            decided_by=work.actor, decided_at=work.now,
            note=sealer.seal(request.note.encode()) if request.note else None,
        )  # fmt: skip
        return view.change(changed)

    @command(pb.PlanChange)
    async def WithdrawPlanChange(self, request: pb.WithdrawPlanChangeRequest, work: Work) -> pb.PlanChange:
        """Take a proposed change back."""
        case, row = await self._proposed(request, work)
        await keeping.end_decision(work, case.number, row.change, met=False)
        await work.append(NewEvent(case.number, "PlanChangeWithdrawn", case.unit, {"change": row.change}))
        changed = await store.change(
            work.connection, row, state=ChangeState.WITHDRAWN, decided_by=work.actor, decided_at=work.now
        )
        return view.change(changed)

    async def GetPlanChange(self, request: pb.GetPlanChangeRequest, context: Context) -> pb.PlanChange:
        """Return a change with its words."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            row = await store.get(connection, case.number, names.index_of(request.name))
        return view.change(row, words.opener(self.sealer, case))

    async def ListPlanChanges(self, request: pb.ListPlanChangesRequest, context: Context) -> pb.ListPlanChangesResponse:
        """Return changes, oldest first: of one case with their words, or of the caller's units without."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, "planChanges", paging.instant, paging.key, paging.number)
        async with self.database.begin() as connection:
            case = await record.seen(connection, request.parent) if request.parent != "cases/-" else None
            unit = "" if case else paging.subtree(call.scope(names.last(request.unit)))
            number = case.number if case else ""
            found = await store.listed(connection, unit, number, request.open, behind, size + 1)
        opener = words.opener(self.sealer, case) if case else None
        reply = pb.ListPlanChangesResponse(changes=[view.change(row, opener) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "planChanges", lambda end: (end.proposed_at, end.number, end.change)
        )
        return reply

    async def ListPlanVersions(
        self, request: pb.ListPlanVersionsRequest, context: Context
    ) -> pb.ListPlanVersionsResponse:
        """Return the versions of a plan, each with what differs from the one before."""
        size = request.page_size or 50
        behind = paging.read(request.page_token, "planVersions", paging.number) or 0
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.parent)
            # With the last one of the page before, from which the first of this page differs.
            rows = await store.versions(connection, case.number, behind, size + 2)
            changes = await store.changes_of(connection, case.number)
            measures = await self._measures(connection, case)
            moved = await migrations.reasons(connection, (each.migration for each in rows if each.migration))
        opener = words.opener(self.sealer, case)
        found = [each for each in rows if each.plan_version > behind][: size + 1]
        told = view.versions(rows, changes, opener, measures, moved)
        reply = pb.ListPlanVersionsResponse(versions=[each for each in told if each.version > behind][:size])
        reply.next_page_token = paging.following(found, size, "planVersions", lambda end: end.plan_version)
        return reply

    async def ComparePlanVersions(self, request: pb.ComparePlanVersionsRequest, context: Context) -> pb.PlanComparison:
        """Return what differs between two versions of a plan."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            base = await store.version(connection, case.number, request.base)
            then = await self._version(connection, case.number, request.version)
            measures = await self._measures(connection, case)
        found = view.diffs(case.number, base, then, measures)
        return pb.PlanComparison(base=base.plan_version, version=then.plan_version, diffs=found)

    async def _proposed(self, request: Versioned, work: Work) -> tuple[Case, PlanChange]:
        """Return the locked case and its change, which nobody has decided."""
        case = await self.locked(request.name, work)
        row = await store.get(work.connection, case.number, names.index_of(request.name))
        check_etag(row.version, request.etag)
        if row.state is not ChangeState.PROPOSED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        return case, row

    async def _version(self, connection: Connection, number: str, version: int) -> PlanVersion:
        return await store.version(connection, number, version or await store.current(connection, number))

    async def _change(self, connection: Connection, case: Case, revision: pb.PlanRevision) -> Change:
        tasks = {each.task: each for each in await cases.tasks_of(connection, case.number)}
        return Change(case, revision, tasks, self.rules.units)

    async def _measures(self, connection: Connection, case: Case) -> dict[int, str]:
        language, opener = current_call().language, words.opener(self.sealer, case)
        tasks = await cases.tasks_of(connection, case.number)
        return {each.task: words.measure(each, language, opener) for each in tasks}
