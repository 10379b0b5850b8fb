"""RPCs of the work of a task force: tasks with clocks, meetings with minutes and decisions."""

from __future__ import annotations

from datetime import datetime

from pb.escalation.v1 import task_force_pb2 as pb

from casework import names
from casework.clocks.ledger import Reopened
from casework.errors import CaseError, Reason
from casework.supervision.matters import task_force as rules_of
from casework.supervision.matters.task_force import ForceState, TaskState
from services.escalation.holders import store as holders
from services.escalation.matters.special.forces import store, view
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import ForceTask, TaskForce
from services.escalation.matters.special.servicer import SpecialServicer, required
from services.escalation.models import File, Matter
from services.escalation.raising.absences import store as absences
from services.kit import dates
from services.kit.clocks import ledger as clock_ledger
from services.kit.command import Work, check_etag, command
from services.kit.serving.access import Context, Part, current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

LEADER, SECRETARY = "force_leader", "force_secretary"


class ForceTasks(SpecialServicer):
    """The RPCs of tasks and meetings."""

    @command(pb.ForceTask)
    async def AssignForceTask(self, request: pb.AssignForceTaskRequest, work: Work) -> pb.ForceTask:
        """Give a member unit a task."""
        file, matter, force = await self._working(request.parent, work)
        task = await self._new_task(work, file, force, request.task, "task")
        await work.append(NewEvent(file.number, "ForceTaskAssigned", matter.keeper, {"task": task.task}))
        return view.task(task)

    @command(pb.ForceTask)
    async def ReportForceTask(self, request: pb.ReportForceTaskRequest, work: Work) -> pb.ForceTask:
        """Report a task done: its clock is met, the clock of the check begins."""
        file, matter = await self.matter(request.name, work)
        task = await store.task(work.connection, file.number, names.index_of(request.name))
        work.call.require(task.unit)
        check_etag(task.version, request.etag)
        state = rules_of.report(task.state)
        task = await store.change_task(
            work.connection, task, state=state, evidence=request.evidence, reported_by=work.actor,
            reported_at=work.now,
        )  # fmt: skip
        await work.stop(file.number, f"force_task-{task.task}")
        await work.start_clock(
            file.number, f"force_check-{task.task}-{task.version}", "force_task_check", subject=request.name,
            unit=matter.keeper, at=work.now,
        )  # fmt: skip
        await work.append(NewEvent(file.number, "ForceTaskReported", task.unit, {"task": task.task}))
        return view.task(task)

    @command(pb.ForceTask)
    async def VerifyForceTask(self, request: pb.VerifyForceTaskRequest, work: Work) -> pb.ForceTask:
        """Check a task. If it is not good enough it is open again, with its original day."""
        file, matter = await self.matter(request.name, work)
        task = await store.task(work.connection, file.number, names.index_of(request.name))
        work.call.require(matter.keeper)
        check_etag(task.version, request.etag)
        state = rules_of.verify(task.state, request.sufficient, work.actor, task.reported_by)
        task = await store.change_task(work.connection, task, state=state, verified_by=work.actor, verified_at=work.now)
        await work.stop(file.number, f"force_check-{task.task}-%")
        told = (
            []
            if state is TaskState.DONE
            else await self._reopened(work, names.clock_id(file.number, f"force_task-{task.task}"))
        )
        payload = {"task": task.task, "sufficient": request.sufficient}
        await work.append(NewEvent(file.number, "ForceTaskVerified", matter.keeper, payload), *told)
        return view.task(task)

    async def ListForceTasks(self, request: pb.ListForceTasksRequest, context: Context) -> pb.ListForceTasksResponse:
        """Return the tasks, open ones first, by their day."""
        async with self.database.read() as connection:
            matter = await self._seen_force(connection, request.parent)
            found = await store.tasks(connection, matter.number)
        return pb.ListForceTasksResponse(tasks=[view.task(row) for row in found])

    async def GetForceTaskText(self, request: pb.GetForceTaskTextRequest, context: Context) -> pb.ForceTaskText:
        """Return the text of a task; this is logged."""
        async with self.database.begin() as connection:
            number, index = names.number_of(request.name), names.index_of(request.name, "tasks")
            task = await store.task(connection, number, index)
            matter = await self.seen(connection, request.name, [task.unit])
            (content,) = await self.read(connection, number, task.sealed)
            await self.log_reading(connection, number, matter.keeper, "ForceTaskTextRead", task=index)
        self.pulse.beat()
        return pb.ForceTaskText(name=request.name, content=content.decode())

    @command(pb.ForceMeeting)
    async def HoldForceMeeting(self, request: pb.HoldForceMeetingRequest, work: Work) -> pb.ForceMeeting:
        """Record a meeting of the task force; its minutes are due in two working days."""
        file, matter, force = await self._meeting(request.parent, work)
        units = [self.known(unit, f"meeting.units[{index}]") for index, unit in enumerate(request.meeting.units)]
        meeting = await store.add_meeting(work.connection, force, units, work.now)
        await work.start_clock(
            file.number, f"minutes-{meeting.meeting}", "force_minutes",
            subject=view.meeting_name(file.number, meeting.meeting), unit=force.secretary_unit, at=work.now,
        )  # fmt: skip
        await work.append(NewEvent(file.number, "ForceMeetingHeld", matter.keeper, {"meeting": meeting.meeting}))
        return view.meeting(meeting, [])

    @command(pb.ForceMeeting)
    async def RecordForceMinutes(self, request: pb.RecordForceMinutesRequest, work: Work) -> pb.ForceMeeting:
        """Record the minutes, once; every decision becomes a task of a member unit, with its clock."""
        file, matter, force = await self._meeting(request.name, work, None)
        meeting = await store.meeting(work.connection, file.number, names.index_of(request.name))
        check_etag(meeting.version, request.etag)
        rules_of.must_be(force.state, ForceState.WORKING)
        if meeting.minutes_at is not None:
            raise CaseError(Reason.WRONG_STATE, "RECORDED", state="RECORDED")
        meeting = await store.change_meeting(
            work.connection, meeting, minutes_by=work.actor, minutes_at=work.now,
            sealed=await self.sealed(work, file, request.minutes),
        )  # fmt: skip
        for index, decision in enumerate(request.decisions):
            await self._new_task(work, file, force, decision, f"decisions[{index}]", meeting.meeting)
        await work.stop(file.number, f"minutes-{meeting.meeting}")
        decided = await store.decided(work.connection, meeting)
        payload = {"meeting": meeting.meeting, "tasks": len(decided)}
        await work.append(NewEvent(file.number, "ForceMinutesRecorded", matter.keeper, payload))
        return view.meeting(meeting, decided)

    async def ListForceMeetings(
        self, request: pb.ListForceMeetingsRequest, context: Context
    ) -> pb.ListForceMeetingsResponse:
        """Return the meetings, oldest first."""
        async with self.database.read() as connection:
            matter = await self._seen_force(connection, request.parent)
            found = await store.meetings(connection, matter.number)
            shown = [view.meeting(row, await store.decided(connection, row)) for row in found]
        return pb.ListForceMeetingsResponse(meetings=shown)

    async def GetForceMinutes(self, request: pb.GetForceMinutesRequest, context: Context) -> pb.ForceMinutes:
        """Return the minutes of a meeting with its decisions; this is logged."""
        async with self.database.begin() as connection:
            matter = await self._seen_force(connection, request.name)
            index = names.index_of(request.name, "meetings")
            meeting = await store.meeting(connection, matter.number, index)
            decided = await store.decided(connection, meeting)
            minutes, *contents = await self.read(
                connection, matter.number, meeting.sealed, *(each.sealed for each in decided)
            )
            await self.log_reading(connection, matter.number, matter.keeper, "ForceMinutesRead", meeting=index)
        self.pulse.beat()
        return pb.ForceMinutes(
            name=request.name, minutes=minutes.decode(),
            decisions=[
                pb.ForceTaskText(name=f"{view.task_name(each)}/text", content=said.decode())
                for each, said in zip(decided, contents, strict=True)
            ],
        )  # fmt: skip

    async def _meeting(
        self, name: str, work: Work, state: ForceState | None = ForceState.WORKING
    ) -> tuple[File, Matter, TaskForce]:
        """Return them to who may record meetings as well: the secretary of record, or who stands in for them."""
        force = await store.latest(work.connection, names.number_of(name))
        if await self._is_secretary(work.connection, work.actor, force, work.now):
            work.call.require(work.call.caller.unit, frozenset({Part.secretary}))
            file, matter = await self.matter(name, work)
            force = await store.get(work.connection, file.number)
            # It was looked at before the file was locked, and may have ended since.
            rules_of.must_be(force.state, ForceState.WORKING)
            return file, matter, force
        return await self._working(name, work, state)

    @staticmethod
    async def _is_secretary(connection: Connection, account: str, force: TaskForce | None, at: datetime) -> bool:
        """Return whether an account is the secretary of record of a working task force, or stands in for them."""
        if force is None or force.state is not ForceState.WORKING:
            return False
        of_record = await holders.holder(connection, force.number, view.force_name(force.number), SECRETARY)
        unit, today = force.secretary_unit, dates.today(at)
        return bool(of_record) and await absences.stands_in(connection, account, of_record, unit, today)

    async def _working(
        self, name: str, work: Work, state: ForceState | None = ForceState.WORKING
    ) -> tuple[File, Matter, TaskForce]:
        """Return file, matter and task force, locked, if the caller may act for the keeper or the leader's unit."""
        file, matter = await self.matter(name, work)
        force = await store.latest(work.connection, file.number)
        work.call.require_any(unit for unit in (matter.keeper, force.leader_unit if force else "") if unit)
        force = await store.get(work.connection, file.number)
        if state is not None:
            rules_of.must_be(force.state, state)
        return file, matter, force

    async def _new_task(
        self, work: Work, file: File, force: TaskForce, task: pb.ForceTask, at: str, meeting: int = 0
    ) -> ForceTask:
        unit = self.known(task.unit, f"{at}.unit")
        rules_of.must_be_member(unit, await store.members(work.connection, force), f"{at}.unit")
        row = await store.add_task(
            work.connection, force, meeting=meeting, unit=unit, kind=task.kind, created_at=work.now,
            due_on=dates.coming(task.due_date, f"{at}.due_date", work.now),
            sealed=await self.sealed(work, file, required(task, "content", f"{at}.content")),
        )  # fmt: skip
        await work.start_clock(
            row.number, f"force_task-{row.task}", "force_task", subject=view.task_name(row), unit=row.unit, at=work.now,
            until=dates.last_second(row.due_on),
        )  # fmt: skip
        return row

    async def _reopened(self, work: Work, clock: str) -> list[NewEvent]:
        """Let a met clock run on to its date, and return its event."""
        row = await clock_ledger.get(work.connection, clock, lock=True)
        entry = Reopened(seq=row.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor)
        return (await clock_ledger.record(work.connection, self.clockwork, row, entry, work.now)).events

    async def _seen_force(self, connection: Connection, name: str) -> Matter:
        """Return the matter, if the caller may read its task force, as every member may, and its secretary."""
        number, call = names.number_of(name), current_call()
        force = await store.latest(connection, number)
        if await self._is_secretary(connection, call.caller.subject, force, self.time.now()):
            call.require(call.caller.unit, frozenset({Part.secretary}))
            return await matters.get(connection, number)
        return await self.seen(connection, name, await store.members(connection, force) if force else [])
