"""RPCs of the backlog: counts and lists as of a day, and plans to clear it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from google.type import date_pb2
from pb.escalation.v1 import backlog_pb2 as pb
from pb.escalation.v1 import backlog_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters import backlog as rules_of
from casework.supervision.matters.backlog import TOLD, Fate, PlanState
from services.escalation import scope
from services.escalation.backlog import store, view
from services.escalation.backlog.models import BacklogPlan, BacklogTarget
from services.escalation.backlog.store import Asked
from services.escalation.raising.levels import raising
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_EVER = 36_500
"""Days: older than anything that is recorded."""


class BacklogServicer(Servicer, backlog_pb2_grpc.BacklogServiceServicer):
    """Serves the backlog and its plans."""

    async def CountBacklog(self, request: pb.CountBacklogRequest, context: Context) -> pb.Backlog:
        """Return the backlog of the caller's units by age band and unit."""
        unit, day = scope.asked(request.unit), self._day(request)
        asked = self._asked(unit, day, self.rules.backlog.over_days)
        async with self.database.read() as connection:
            found = await store.by_band(connection, asked, day, [low for low, _ in self.rules.backlog.ranges])
        return view.backlog(unit, day, self.rules.backlog, found)

    async def ListBacklog(self, request: pb.ListBacklogRequest, context: Context) -> pb.ListBacklogResponse:
        """Return the matters of the backlog of the caller's units, the oldest first."""
        unit, day, size = scope.asked(request.unit), self._day(request), request.page_size or 50
        least = max(request.from_days, self.rules.backlog.over_days)
        if request.to_days and request.to_days <= least:
            raise field_error("to_days", Reason.INVALID_FIELD, str(least))
        asked = self._asked(unit, day, least, request.to_days or _EVER)
        behind = paging.read(request.page_token, "backlog", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.listed(connection, asked, behind, size + 1)
            total = await store.counted(connection, asked)
        reply = pb.ListBacklogResponse(matters=[view.matter(row, day) for row in found[:size]], total_size=total)
        reply.next_page_token = paging.following(found, size, "backlog", lambda end: (end.received_at, end.number))
        return reply

    @command(pb.BacklogPlan)
    async def DraftBacklogPlan(self, request: pb.DraftBacklogPlanRequest, work: Work) -> pb.BacklogPlan:
        """Draft a plan with a goal for each of some units of the area."""
        unit = self.known(request.unit, "unit")
        work.call.require(unit)
        units = [names.last(each.unit) for each in request.goals]
        for index, each in enumerate(units):
            if not self.rules.units.contains(unit, each):
                raise field_error(f"goals[{index}].unit", Reason.UNKNOWN_UNIT, each)
        rules_of.must_not_overlap(units)
        days = [_coming(each.due_date, index, work.now) for index, each in enumerate(request.goals)]
        file = await self.opened(work, "backlogPlans", unit)
        row = await store.add(
            work.connection, file.number, state=PlanState.DRAFTED, unit=unit, over_days=self.rules.backlog.over_days,
            drafted_by=work.actor, drafted_at=work.now,
        )  # fmt: skip
        for index, (goal, day) in enumerate(zip(request.goals, days, strict=True), 1):
            await store.add_target(
                work.connection, row.number, index, unit=names.last(goal.unit), wanted=goal.count, due_on=day,
                official=goal.official,
            )  # fmt: skip
        return await self._told(work, row, "BacklogPlanDrafted", targets=len(units))

    @command(pb.BacklogPlan)
    async def DecideBacklogPlan(self, request: pb.DecideBacklogPlanRequest, work: Work) -> pb.BacklogPlan:
        """Approve a plan, which fixes the matters it counts and starts its clocks; or drop it."""
        row = await self._locked(request, work)
        state = rules_of.decided(row.state, approved=request.approved, by=work.actor, drafted_by=row.drafted_by)
        row = await store.change(work.connection, row, state=state, decided_at=work.now)
        counted = 0
        if state is PlanState.RUNNING:
            today = dates.today(work.now)
            for each in await store.targets(work.connection, [row.number]):
                counted += await self._begin(work, row, each, today)
        return await self._told(work, row, "BacklogPlanDecided", matters=counted)

    async def GetBacklogPlan(self, request: pb.GetBacklogPlanRequest, context: Context) -> pb.BacklogPlan:
        """Return a plan with its counts as of a day: to its keeper all targets, to another unit its own."""
        call, day = current_call(), self._day(request)
        async with self.database.read() as connection:
            row, targets = await self._seen(connection, call, request.name)
            return await self._counted(connection, row, targets, day)

    async def ListBacklogPlans(
        self, request: pb.ListBacklogPlansRequest, context: Context
    ) -> pb.ListBacklogPlansResponse:
        """Return plans that the caller's units keep or have a target of, latest first."""
        call, size = current_call(), request.page_size or 50
        units = scope.subtree(scope.asked(request.unit))
        behind = paging.read(request.page_token, "backlog-plans", paging.instant, paging.key)
        async with self.database.read() as connection:
            found = await store.plans(connection, units, behind, size + 1)
            targets = await store.targets(connection, [row.number for row in found])
        of = {row.number: [each for each in targets if each.number == row.number] for row in found[:size]}
        shown = [view.plan(row, _visible(call, row, of[row.number]), self._today(), ()) for row in found[:size]]
        reply = pb.ListBacklogPlansResponse(backlog_plans=shown)
        reply.next_page_token = paging.following(found, size, "backlog-plans", lambda end: (end.drafted_at, end.number))
        return reply

    async def ListBacklogPlanMatters(
        self, request: pb.ListBacklogPlanMattersRequest, context: Context
    ) -> pb.ListBacklogPlanMattersResponse:
        """Return the matters that a plan counts, with what became of each."""
        call, day, size = current_call(), self._day(request), request.page_size or 50
        behind = paging.read(request.page_token, "backlog-matters", paging.instant, paging.key)
        async with self.database.read() as connection:
            row, targets = await self._seen(connection, call, request.parent)
            shown, until = [each.target for each in targets], self._end(day)
            found = await store.plan_matters(connection, row.number, shown, until, request.fate, behind, size + 1)
        reply = pb.ListBacklogPlanMattersResponse(matters=[view.matter(each, day) for each in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "backlog-matters", lambda end: (end.received_at, end.number)
        )
        return reply

    @command(pb.BacklogPlan)
    async def ReportBacklogTarget(self, request: pb.ReportBacklogTargetRequest, work: Work) -> pb.BacklogPlan:
        """Report a target as reached; what is settled is counted, never entered."""
        file = await self.locked(request.name, work)
        row, index = await store.get(work.connection, file.number), names.index_of(request.name)
        targets = await store.targets(work.connection, [row.number])
        found = next((each for each in targets if each.target == index), None)
        if found is None:
            work.call.require(row.unit)
            raise CaseError(Reason.NOT_FOUND, request.name)
        work.call.require(found.unit)
        check_etag(found.version, request.etag)
        rules_of.must_be(row.state, PlanState.RUNNING)
        if found.reached_at is not None:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        progress = await store.progress(work.connection, [row.number], [index], work.now)
        settled = sum(each.matters for each in progress if each.fate == Fate.SETTLED)
        rules_of.must_be_settled(settled, found.wanted)
        await work.stop(row.number, f"target-{index}")
        await store.change_target(work.connection, found, reached_at=work.now)
        state = rules_of.after_report(each is found or each.reached_at is not None for each in targets)
        ended = work.now if state is PlanState.REACHED else None
        if ended:
            await raising.settle(work, row.number, "plan-reached")
        row = await store.change(work.connection, row, state=state, ended_at=ended)
        return await self._told(work, row, "BacklogTargetReached", target=request.name, settled=settled)

    @command(pb.BacklogPlan)
    async def EndBacklogPlan(self, request: pb.EndBacklogPlanRequest, work: Work) -> pb.BacklogPlan:
        """End a running plan before all its targets are reached: its clocks and what they raised end with it."""
        row = await self._locked(request, work)
        targets = await store.targets(work.connection, [row.number])
        late = [each.unit for each in targets if each.reached_at is None and each.due_at and each.due_at < work.now]
        rules_of.may_end(row.state, by=work.call.caller.unit, late=late)
        await work.stop(row.number, "target-%", met=False)
        await raising.settle(work, row.number, "plan-ended")
        row = await store.change(work.connection, row, state=PlanState.ENDED, ended_at=work.now)
        reached = sum(each.reached_at is not None for each in targets)
        reason = pb.BacklogEndReason.Name(request.reason)
        return await self._told(work, row, "BacklogPlanEnded", reason=reason, reached=reached)

    # --- what they have in common -------------------------------------------------------------------------------------

    def _today(self) -> date:
        return dates.today(self.time.now())

    def _day(
        self,
        request: pb.CountBacklogRequest
        | pb.ListBacklogRequest
        | pb.GetBacklogPlanRequest
        | pb.ListBacklogPlanMattersRequest,
    ) -> date:
        """Return the day a request asks about: today if it names none, never a day to come."""
        if not request.HasField("date"):
            return self._today()
        day = dates.read(request.date, "date")
        if day > self._today():
            raise field_error("date", Reason.IN_THE_FUTURE, day.isoformat())
        return day

    def _end(self, day: date) -> datetime:
        """Return the end of a day, or now."""
        return min(dates.last_second(day), self.time.now())

    def _asked(self, unit: str, day: date, least: int, most: int = _EVER) -> Asked:
        """Return what is asked about matters whose age on a day is at least the one and under the other."""
        before = dates.last_second(rules_of.received_before(day, least))
        after = dates.last_second(rules_of.received_before(day, most))
        return Asked(scope.subtree(unit), self._end(day), before, after)

    async def _begin(self, work: Work, row: BacklogPlan, target: BacklogTarget, today: date) -> int:
        """Fix which matters a target counts, start its clock, and return how many they are."""
        await store.fix(work.connection, target, self._asked(target.unit, today, row.over_days))
        progress = await store.progress(work.connection, [row.number], [target.target], work.now)
        counted = sum(each.matters for each in progress)
        if counted < target.wanted:
            raise field_error("approved", Reason.CONTRADICTED, f"{target.unit}: {counted} < {target.wanted}")
        clock = await work.start_clock(
            row.number, f"target-{target.target}", "backlog_target", subject=view.target_name(target), unit=target.unit,
            at=work.now, until=dates.last_second(target.due_on),
        )  # fmt: skip
        await store.change_target(work.connection, target, baseline=counted, due_at=clock.projection.due)
        return counted

    async def _locked(self, request: Versioned, work: Work) -> BacklogPlan:
        file = await self.locked(request.name, work)
        row = await store.get(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        return row

    async def _seen(self, connection: Connection, call: Call, name: str) -> tuple[BacklogPlan, Sequence[BacklogTarget]]:
        """Return a plan and those of its targets that the caller may see; PERMISSION_DENIED if none."""
        row = await store.get(connection, names.number_of(name))
        targets = await store.targets(connection, [row.number])
        call.require_any([row.unit, *(each.unit for each in targets if row.state in TOLD)])
        return row, _visible(call, row, targets)

    async def _counted(
        self, connection: Connection, row: BacklogPlan, targets: Sequence[BacklogTarget], day: date
    ) -> pb.BacklogPlan:
        shown = [each.target for each in targets]
        return view.plan(row, targets, day, await store.progress(connection, [row.number], shown, self._end(day)))

    async def _told(self, work: Work, row: BacklogPlan, kind: str, **payload: object) -> pb.BacklogPlan:
        await work.append(NewEvent(row.number, kind, row.unit, {"state": row.state.name, **payload}))
        targets = _visible(work.call, row, await store.targets(work.connection, [row.number]))
        return await self._counted(work.connection, row, targets, dates.today(work.now))


def _visible(call: Call, row: BacklogPlan, targets: Sequence[BacklogTarget]) -> list[BacklogTarget]:
    """Return all targets for the keeper, otherwise those of the caller's units."""

    def may(unit: str) -> bool:
        return call.access.allows(call.caller, call.permission, unit)

    return [each for each in targets if may(row.unit) or (row.state in TOLD and may(each.unit))]


def _coming(day: date_pb2.Date, index: int, now: datetime) -> date:
    """Return the day of a goal: a future one, ten years ahead at most."""
    found = dates.coming(day, f"goals[{index}].due_date", now)
    if found < dates.today(now) + timedelta(days=1):
        raise field_error(f"goals[{index}].due_date", Reason.INVALID_FIELD, found.isoformat())
    return found
