"""RPCs of objections: made by the unit that has the case or task, decided by the unit above both."""

from __future__ import annotations

from datetime import datetime

from pb.mediation.v1 import objections_pb2 as pb
from pb.mediation.v1 import objections_pb2_grpc

from casework import names
from casework.case import Stage, TaskState, someone_else
from casework.errors import CaseError, Reason, field_error
from casework.mediation import objection as rules_of
from casework.mediation.objection import ObjectionState
from services.kit.command import Named, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.events import NewEvent
from services.mediation import keys
from services.mediation import store as cases
from services.mediation.course import dispatch
from services.mediation.models.cases import Case, Task
from services.mediation.models.objections import Objection
from services.mediation.objections import store
from services.mediation.servicer import Servicer


class ObjectionServicer(Servicer, objections_pb2_grpc.ObjectionServiceServicer):
    """Serves objections to a dispatch."""

    @command(pb.Objection)
    async def CreateObjection(self, request: pb.CreateObjectionRequest, work: Work) -> pb.Objection:
        """Object to the dispatch of a case or a task. No clock stops, and the unit stays accountable."""
        told = request.objection
        case = await cases.lock(work.connection, names.number_of(request.parent))
        task, unit, dispatched_at = await _dispatched(work, case, told.task)
        work.call.require(unit)
        _must_be_under_way(case, task)
        proposed = names.last(told.proposed_unit)
        umpire = rules_of.umpire(unit, proposed, case.about, self.rules.units)
        until = await self._until(work, case, unit, dispatched_at)
        number = task.task if task is not None else 0
        before = await store.of_dispatch(work.connection, case.number, number, unit, dispatched_at)
        rules_of.may_object(work.now, until, before)
        objection = await store.next_of(work.connection, case.number)
        clock = await work.start_clock(
            case.number, f"{dispatch.DECISION}-{objection}", dispatch.DECISION, unit=umpire, at=work.now,
            subject=store.name_of(case.number, objection),
        )  # fmt: skip
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await store.add(
            work.connection, case.number, task=number, unit=unit, proposed=proposed, umpire=umpire, reason=told.reason,
            grounds=sealer.seal(told.grounds.encode()), made_by=work.actor, dispatched_at=dispatched_at,
            object_until=until, made_at=work.now, decide_until=clock.due_at,
        )  # fmt: skip
        payload = {"task": number, "unit": unit, "proposed": proposed, "umpire": umpire, "reason": told.reason}
        await self._told(work, case, row, "ObjectionMade", **payload)
        return _view(row)

    async def GetObjection(self, request: pb.GetObjectionRequest, context: Context) -> pb.Objection:
        """Return an objection to the objecting unit, to the deciding unit, or to the accountable one."""
        async with self.database.read() as connection:
            case = await cases.get(connection, names.number_of(request.name))
            row = await store.get(connection, case.number, names.index_of(request.name, "objections"))
        current_call().require_any((row.unit, row.umpire, case.unit))
        return _view(row)

    async def ListObjections(self, request: pb.ListObjectionsRequest, context: Context) -> pb.ListObjectionsResponse:
        """Return objections made by the caller's units or to be decided there, earliest deadline first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        number = "" if request.parent == "cases/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "objections", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            if number:
                await cases.get(connection, number)
            found = await store.listed(connection, paging.subtree(scope), number, request.open, behind, size + 1)
        reply = pb.ListObjectionsResponse(objections=[_view(row) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "objections", lambda end: (end.decide_until, end.number, end.objection)
        )
        return reply

    @command(pb.Objection)
    async def DecideDispatchObjection(self, request: pb.DecideDispatchObjectionRequest, work: Work) -> pb.Objection:
        """Decide as a person of the unit above both; if upheld, the case or task moves in this transaction."""
        case, row = await self._locked_row(request, work)
        work.call.require(row.umpire)
        check_etag(row.version, request.etag)
        rules_of.must_be_open(row.state)
        someone_else(work.actor, row.made_by)
        rules_of.is_neither(work.call.caller.unit, row.unit, row.proposed)
        right, units = "", self.rules.units
        if request.upheld:
            right = rules_of.right_unit(
                names.last(request.unit), row.proposed, row.unit, row.umpire, case.about, units
            )  # fmt: skip
        state = ObjectionState.UPHELD if right else ObjectionState.REFUSED
        sealer = await keys.writing(work.connection, self.sealer, case)
        row = await self._end(
            work, case, row, state, "ObjectionDecided", right_unit=right,
            decision=sealer.seal(request.decision.encode()),
        )  # fmt: skip
        if right and row.task:
            task = await cases.get_task(work.connection, case.number, row.task)
            await dispatch.move_task(work, case, task, right)
        elif right:
            await dispatch.move_case(work, case, right)
        return _view(row)

    @command(pb.Objection)
    async def WithdrawObjection(self, request: pb.WithdrawObjectionRequest, work: Work) -> pb.Objection:
        """Withdraw an objection that is not decided."""
        case, row = await self._locked_row(request, work)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        rules_of.must_be_open(row.state)
        return _view(await self._end(work, case, row, ObjectionState.WITHDRAWN, "ObjectionWithdrawn"))

    async def ReadObjectionText(self, request: pb.ReadObjectionTextRequest, context: Context) -> pb.ObjectionText:
        """Return the grounds and the decision of an objection; this is logged."""
        async with self.database.begin() as connection:
            case = await cases.get(connection, names.number_of(request.name))
            row = await store.get(connection, case.number, names.index_of(request.name, "objections"))
            current_call().require_any((row.unit, row.umpire, case.unit))
            opener = keys.reading(self.sealer, case)
            answer = pb.ObjectionText(grounds=opener.open(row.grounds).decode())
            if row.decision is not None:
                answer.decision = opener.open(row.decision).decode()
            await self.log_reading(connection, case, request.name, "ObjectionTextRead", objection=row.objection)
        self.pulse.beat()
        return answer

    async def _until(self, work: Work, case: Case, unit: str, dispatched_at: datetime) -> datetime:
        """Return the last instant at which a dispatch can be objected to."""
        petition = case.channel == rules_of.PETITION_CHANNEL or await store.is_petition(work.connection, case.number)
        rule, subject = rules_of.rule_of(petition), names.case_name(case.number)
        return self.clockwork.new(case.number, "objection", rule, subject=subject, unit=unit, at=dispatched_at).due_at

    async def _end(
        self, work: Work, case: Case, row: Objection, state: ObjectionState, kind: str, **columns: object
    ) -> Objection:
        changed = await store.change(work.connection, row, state=state, ended_at=work.now, **columns)
        await work.stop(case.number, f"{dispatch.DECISION}-{row.objection}", met=state is not ObjectionState.WITHDRAWN)
        payload = {"state": state.name, **({"right_unit": changed.right_unit} if changed.right_unit else {})}
        await self._told(work, case, changed, kind, **payload)
        return changed

    @staticmethod
    async def _locked_row(request: Named, work: Work) -> tuple[Case, Objection]:
        case = await cases.lock(work.connection, names.number_of(request.name))
        return case, await store.get(work.connection, case.number, names.index_of(request.name, "objections"))

    @staticmethod
    async def _told(work: Work, case: Case, row: Objection, kind: str, **payload: object) -> None:
        await work.append(NewEvent(case.number, kind, case.unit, {"objection": row.objection, **payload}))


async def _dispatched(work: Work, case: Case, name: str) -> tuple[Task | None, str, datetime]:
    """Return the task (None for the case), the unit it was dispatched to, and when."""
    if not name:
        return None, case.unit, case.dispatched_at or case.opened_at
    if names.number_of(name) != case.number:
        raise field_error("objection.task", Reason.INVALID_FIELD, name)
    task = await cases.get_task(work.connection, case.number, int(names.last(name)))
    return task, task.unit, task.dispatched_at or case.opened_at


def _must_be_under_way(case: Case, task: Task | None) -> None:
    if case.stage in (Stage.CLOSE_REVIEW, Stage.CLOSED):
        raise CaseError(Reason.WRONG_STATE, case.stage.name, state=case.stage.name)
    if task is not None and task.state not in (TaskState.DISPATCHED, TaskState.SIGNED):
        raise CaseError(Reason.WRONG_STATE, task.state.name, state=task.state.name)


def _view(row: Objection) -> pb.Objection:
    return pb.Objection(
        name=store.name_of(row.number, row.objection),
        etag=str(row.version),
        task=names.task_name(row.number, row.task) if row.task else "",
        unit=names.unit_name(row.unit),
        proposed_unit=names.unit_name(row.proposed),
        umpire_unit=names.unit_name(row.umpire),
        reason=row.reason,
        dispatch_time=stamp(row.dispatched_at),
        object_until_time=stamp(row.object_until),
        create_time=stamp(row.made_at),
        decide_until_time=stamp(row.decide_until),
        end_time=stamp(row.ended_at),
        right_unit=names.unit_name(row.right_unit),
        **numbers(state=row.state),
    )
