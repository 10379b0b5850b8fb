"""Mediation's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

from typing import Any

from pb.mediation.v1 import case_pb2, mediation_pb2_grpc
from pb.mediation.v1 import mediation_pb2 as pb

from casework import case as rules_of
from casework import names
from casework.case import Outcome, Stage, TaskState
from casework.clocks.ledger import Reopened
from casework.door.complaint import must_not_judge_itself
from casework.errors import CaseError, Reason, field_error
from casework.mediation.choosing import MatterRole
from casework.mediation.plan_change import PlanCause
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Keyed, Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import paging, requests
from services.kit.storage.events import NewEvent
from services.kit.storage.listing import given, time_of
from services.mediation import record, store, view, words
from services.mediation.course import closure, dispatch
from services.mediation.models.cases import Case, Task
from services.mediation.notices import store as notices
from services.mediation.opening import CLOSE, REVIEW, Opening, task_key
from services.mediation.people import store as people
from services.mediation.people.adding import Adding
from services.mediation.plans import keeping, reporting
from services.mediation.plans import store as plans
from services.mediation.servicer import Servicer


class MediationServicer(Servicer, mediation_pb2_grpc.MediationServiceServicer):
    """Serves cases, plans and tasks."""

    body_key_name = ""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._opening = Opening(parts.rules, parts.sealer, parts.clockwork)
        self._adding = Adding(parts.sealer)
        self._words_key = parts.sealer.derive("requests of task reports")

    @command(case_pb2.Case)
    async def CreateCase(self, request: pb.CreateCaseRequest, work: Work) -> case_pb2.Case:
        """Open the case of an accepted report, with its one plan; its tasks are dispatched at once."""
        opened = self._opening.open(request, work.now)
        work.call.require(opened.case["unit"])
        await store.add(work.connection, opened)
        await keeping.open_with(work, opened.case["number"], opened.tasks)
        await notices.follow(work.connection, opened.case["number"], opened.case["unit"])
        await clocks.start(work.connection, work.now, work.actor, *opened.clocks)
        await work.append(opened.event)
        case = await store.get(work.connection, opened.case["number"])
        await self._adding.reported(work, case, request.content)
        answer = view.case(case, work.now)
        next_at = await clocks.next_at(work.connection, opened.case["number"])
        if next_at:
            answer.next_time.FromDatetime(next_at)
        return answer

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> case_pb2.Case:
        """Return a case."""
        async with self.database.begin() as connection:
            row = await record.seen(connection, request.name)
        return view.case(row, self.time.now())

    async def ListCases(self, request: pb.ListCasesRequest, context: Context) -> pb.ListCasesResponse:
        """Return cases of the caller's units."""
        call, now = current_call(), self.time.now()
        scope = call.scope(names.last(request.unit))
        filters = given(
            stages=list(request.stages) or None, overdue_by=request.overdue and now,
            categories=self.categories(request.categories, request.field), grades=list(request.grades) or None,
            channels=list(request.channels) or None, start=time_of(request, "start_time"),
            end=time_of(request, "end_time"),
        )  # fmt: skip
        async with self.database.read() as connection:
            page = await store.LISTED.read(connection, request, paging.subtree(scope), call.kept_from, filters)
        return pb.ListCasesResponse(
            cases=[view.case(row, now) for row in page.rows], next_page_token=page.token, total_size=page.total
        )

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> case_pb2.Plan:
        """Return the one plan of a case with its tasks."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await record.seen(connection, request.name)
            tasks = await store.tasks_of(connection, number)
            version = await plans.current(connection, number)
        opener = words.opener(self.sealer, row)
        return view.plan(row, tasks, call.language, self.time.now(), version, opener)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        """Return tasks, earliest deadline first: of one case, or of the caller's units."""
        call, now, size = current_call(), self.time.now(), request.page_size or 50
        number = "" if request.parent == "cases/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "tasks", paging.instant, paging.key, paging.number)
        async with self.database.begin() as connection:
            unit = paging.subtree(call.scope(names.last(request.unit))) if request.unit else ""
            if number:
                await record.seen(connection, request.parent)
            elif not unit:
                unit = paging.subtree(call.scope())
            rows = await store.listed_tasks(
                connection, unit, number, request.states, now if request.overdue else None, behind, size + 1
            )
            told = {row.number for row in rows if row.sealed is not None} if words.may_read() else set()
            sealed = await store.keys_of(connection, told) if told else {}
        openers = {number: self.sealer.under(number, key) for number, key in sealed.items()}
        reply = pb.ListTasksResponse(
            tasks=[view.task(row, call.language, now, openers.get(row.number)) for row in rows[:size]]
        )
        reply.next_page_token = paging.following(
            rows, size, "tasks", lambda end: (end.due_at or store.NEVER, end.number, end.task)
        )
        return reply

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> case_pb2.Task:
        """Return a task to the unit that has it or to the accountable one."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await store.get(connection, number)
            row = await store.get_task(connection, number, int(names.last(request.name)))
            await record.admit(connection, call, case, beside=(row.unit,))
            reports = await store.reports_of(connection, number, row.task)
        opener = words.opener(self.sealer, case)
        answer = view.task(row, call.language, self.time.now(), opener)
        answer.reports.extend(view.reports(reports, opener))
        return answer

    @command(case_pb2.Task)
    async def SignTask(self, request: pb.SignTaskRequest, work: Work) -> case_pb2.Task:
        """Acknowledge a task: the unit takes it on."""
        case, row = await self._task(request, work)
        changed = await self._move(row, TaskState.SIGNED, work)
        await work.stop(row.number, task_key(row.task, "sign%"))
        await clocks.take(work.connection, row.number, task_key(row.task, "task"), work.actor)
        await work.append(self._told(case, changed, "TaskSigned"))
        return view.task(changed, work.call.language, work.now)

    @command(case_pb2.Task)
    async def ReturnTask(self, request: pb.ReturnTaskRequest, work: Work) -> case_pb2.Task:
        """Return a task with a reason. Its deadline runs on: it must still be done in time."""
        case, row = await self._task(request, work)
        await dispatch.must_be_undisputed(work, case, row)
        changed = await self._move(row, TaskState.RETURNED, work, return_reason=request.reason)
        await work.stop(row.number, task_key(row.task, "sign%"), met=False)
        # Until it is dispatched again, the accountable unit is responsible for its deadline.
        await clocks.reassign(work.connection, row.number, task_key(row.task, "task"), case.unit)
        await work.append(self._told(case, changed, "TaskReturned", reason=request.reason))
        return view.task(changed, work.call.language, work.now)

    @command(case_pb2.Task)
    async def DispatchTask(self, request: pb.DispatchTaskRequest, work: Work) -> case_pb2.Task:
        """Dispatch a returned task again. Its deadline does not move; it must be acknowledged again."""
        case = await record.locked(work, request.name)
        row = await store.get_task(work.connection, case.number, int(names.last(request.name)))
        check_etag(row.version, request.etag)
        unit = names.last(request.unit) if request.unit else row.unit
        if unit not in self.rules.units:
            raise field_error("unit", Reason.UNKNOWN_UNIT, unit)
        must_not_judge_itself(case.about, unit)
        rules_of.must_be(case.stage, Stage.HANDLING)
        changed = await self._move(row, TaskState.DISPATCHED, work, unit=unit, dispatched_at=work.now)
        await dispatch.lapse_offers(work, case, row.task)
        key = f"{task_key(row.task, 'sign')}-{changed.version}"
        sign = self._new(key, "sign", names.task_name(row.number, row.task), unit, work)
        await clocks.reassign(work.connection, row.number, task_key(row.task, "task"), unit)
        await work.start(sign)
        await keeping.keep(work, case.number, PlanCause.DISPATCHED)
        await work.append(self._told(case, changed, "TaskDispatched"))
        return view.task(changed, work.call.language, work.now)

    async def _worded(self, request: pb.ReportTaskRequest, call: Call) -> Keyed[case_pb2.Task]:
        """Return the key of a report: its words could be guessed from a plain hash."""
        return Keyed(call.caller.subject, requests.body_hash(request, self._words_key), case_pb2.Task)

    @command(case_pb2.Task, before=_worded)
    async def ReportTask(self, request: pb.ReportTaskRequest, work: Work, _: Keyed[case_pb2.Task]) -> case_pb2.Task:
        """Report a task done, with evidence; its verification gets its own clock."""
        case, row = await self._task(request, work)
        reporting.must_show_something(request, case.number)
        changed = await self._move(
            row, TaskState.REPORTED, work, evidence=request.evidence, reported_at=work.now, reported_by=work.actor
        )
        await work.stop(row.number, task_key(row.task, "task"))
        # Reporting it done settles whose task it was: open objections and offers lapse.
        await dispatch.lapse(work, case, task=row.task)
        key = f"{task_key(row.task, 'verify_task')}-{changed.version}"
        await work.start(self._new(key, "verify_task", names.task_name(row.number, row.task), case.unit, work))
        report = await reporting.keep(work, self.sealer, case, row, request)
        await work.append(self._told(case, changed, "TaskReported", evidence=request.evidence, report=report))
        return view.task(changed, work.call.language, work.now)

    @command(case_pb2.Task)
    async def VerifyTask(self, request: pb.VerifyTaskRequest, work: Work) -> case_pb2.Task:
        """Verify a task that was reported done; if it is not enough, its first deadline runs again."""
        case, row = await self._task(request, work)
        rules_of.someone_else(work.actor, row.reported_by)
        await people.must_be_allowed(work.connection, row.number, work.actor, MatterRole.REVIEWER)
        await work.stop(row.number, f"{task_key(row.task, 'verify_task')}-%")
        if not request.sufficient:
            state = rules_of.send_back(row.state)
            changed = await store.change_task(
                work.connection, row.number, row.task, work.now, state=state, reported_at=None, evidence=""
            )
            reopened = await self._reopen(names.clock_id(row.number, task_key(row.task, "task")), work)
            why = {"reason": request.reason} if request.reason else {}
            await work.append(self._told(case, changed, "TaskSentBack", **why), *reopened)
            return view.task(changed, work.call.language, work.now)
        changed = await self._move(row, TaskState.VERIFIED, work)
        left = case.open_tasks - (0 if row.optional else 1)
        stage = Stage.HANDLED if left == 0 else case.stage
        await store.change(work.connection, case.number, work.now, open_tasks=left, stage=stage)
        payload = {"open_tasks": left, **({"stage": stage.name} if left == 0 else {})}
        await work.append(self._told(case, changed, "TaskVerified", **payload))
        return view.task(changed, work.call.language, work.now)

    @command(case_pb2.Case)
    async def RequestClosing(self, request: pb.RequestClosingRequest, work: Work) -> case_pb2.Case:
        """Request the closing of a case, with its outcome; the review gets its own clock."""
        row = await self._case(request, work)
        outcome = Outcome(request.outcome)
        rules_of.may_request_closing(row.stage, outcome, row.open_tasks)
        await closure.check_gates(work, row, outcome)
        changed = await store.change(
            work.connection, row.number, work.now, stage=Stage.CLOSE_REVIEW, outcome=outcome,
            requested_by=work.actor,
        )  # fmt: skip
        subject = names.case_name(row.number)
        await work.start(self._new(f"{REVIEW}-{changed.version}", "close_review", subject, row.unit, work))
        payload = {"stage": Stage.CLOSE_REVIEW.name, "outcome": outcome.name}
        await work.append(NewEvent(row.number, "ClosingRequested", row.unit, payload))
        return view.case(changed, work.now)

    @command(case_pb2.Case)
    async def CloseCase(self, request: pb.CloseCaseRequest, work: Work) -> case_pb2.Case:
        """Close a case, or send the close request back; never by the person who requested it."""
        row = await self._case(request, work)
        rules_of.must_be(row.stage, Stage.CLOSE_REVIEW)
        rules_of.someone_else(work.actor, row.requested_by)
        await work.stop(row.number, f"{REVIEW}-%")
        if not request.approved:
            if not request.reason:
                raise field_error("reason", Reason.INVALID_FIELD, "say why it is sent back")
            stage = Stage.HANDLING if row.open_tasks else Stage.HANDLED
            changed = await store.change(
                work.connection, row.number, work.now, stage=stage, outcome=None, requested_by=""
            )
            payload = {"stage": stage.name, "reason": request.reason}
            await work.append(NewEvent(row.number, "ClosingSentBack", row.unit, payload))
            return view.case(changed, work.now)
        # The mediator of a case may not close it, and whoever closed it may not mediate it later (特邀 16).
        await people.must_be_allowed(work.connection, row.number, work.actor, MatterRole.REVIEWER)
        await people.bar(work.connection, row.number, work.actor, [MatterRole.MEDIATOR], work.now)
        assert row.outcome is not None, "closing is asked for with it"
        mediated = await closure.check_gates(work, row, row.outcome)
        changed = await store.change(
            work.connection, row.number, work.now, stage=Stage.CLOSED, closed_at=work.now, open_tasks=0
        )
        await work.stop(row.number, f"{CLOSE}%")
        await dispatch.lapse(work, row)
        await keeping.lapse(work, row)
        cancelled = await closure.stop_clocks(work, row.number)
        await store.cancel_tasks(work.connection, row.number, work.now)
        number = await closure.close(work, row, self.rules, mediated)
        told: dict[str, Any] = {
            "stage": Stage.CLOSED.name, "outcome": row.outcome.name, "document_number": number,
            "cancelled_clocks": cancelled,
        }  # fmt: skip
        if (next_at := await clocks.next_at(work.connection, row.number)) is not None:
            told["next_at"] = next_at
        await work.append(NewEvent(row.number, "CaseClosed", row.unit, told, wakes=True))
        answer = view.case(changed, work.now)
        answer.cancelled_clocks.extend(f"clocks/mediation/{clock}" for clock in cancelled)
        return answer

    @command(case_pb2.Case)
    async def TransferCase(self, request: pb.TransferCaseRequest, work: Work) -> case_pb2.Case:
        """Make another unit accountable. Deadlines stay; open tasks and clocks of the old unit move with it."""
        row = await self._case(request, work)
        unit = self.known(request.unit, "unit")
        must_not_judge_itself(row.about, unit)
        await dispatch.must_be_undisputed(work, row)
        if row.stage is Stage.CLOSED:
            raise CaseError(Reason.WRONG_STATE, Stage.CLOSED.name, state=Stage.CLOSED.name)
        changed = await dispatch.move_case(work, row, unit)
        return view.case(changed, work.now)

    async def _case(self, request: Versioned, work: Work) -> Case:
        row = await record.locked(work, request.name)
        check_etag(row.version, request.etag)
        return row

    async def _task(self, request: Versioned, work: Work) -> tuple[Case, Task]:
        """Return case and task, the case locked, if the caller may act for the unit that has the task."""
        case = await store.lock(work.connection, names.number_of(request.name))
        row = await store.get_task(work.connection, case.number, int(names.last(request.name)))
        await record.admit(work.connection, work.call, case, beside=(row.unit,))
        check_etag(row.version, request.etag)
        if case.stage in (Stage.CLOSE_REVIEW, Stage.CLOSED):
            raise CaseError(Reason.WRONG_STATE, case.stage.name, state=case.stage.name)
        return case, row

    async def _move(self, row: Task, to: TaskState, work: Work, **columns: object) -> Task:
        state = rules_of.move_task(row.state, to)
        return await store.change_task(work.connection, row.number, row.task, work.now, state=state, **columns)

    def _new(self, key: str, rule: str, subject: str, unit: str, work: Work) -> NewClock:
        number = names.number_of(subject)
        return self.clockwork.new(number, key, rule, subject=subject, unit=unit, at=work.now)

    async def _reopen(self, clock: str, work: Work) -> list[NewEvent]:
        """Let a met clock run again to its first deadline: what met it was not enough."""
        row = await clock_ledger.get(work.connection, clock, lock=True)
        if row.state != clocks.ClockState.MET:
            return []
        entry = Reopened(seq=row.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor)
        return (await clock_ledger.record(work.connection, self.clockwork, row, entry, work.now)).events

    @staticmethod
    def _told(case: Case, task: Task, kind: str, **payload: object) -> NewEvent:
        return NewEvent(case.number, kind, case.unit, {"task": task.task, "unit": task.unit, **payload})
