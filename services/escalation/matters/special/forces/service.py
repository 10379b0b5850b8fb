"""RPCs of task forces: ordering, setting up, changing, dissolving."""

from __future__ import annotations

from pb.escalation.v1 import task_force_pb2 as pb
from pb.escalation.v1 import task_force_pb2_grpc

from casework import names
from casework.supervision.matters import task_force as rules_of
from casework.supervision.matters.task_force import ForceState
from services.escalation.holders import store as holders
from services.escalation.matters.special.forces import store, view
from services.escalation.matters.special.forces.tasks import LEADER, SECRETARY, ForceTasks
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import TaskForce
from services.escalation.models import File, Matter
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.serving.access import Context
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class TaskForceServicer(ForceTasks, task_force_pb2_grpc.TaskForceServiceServicer):
    """Serves task forces of matters."""

    @command(pb.TaskForce)
    async def OrderTaskForce(self, request: pb.OrderTaskForceRequest, work: Work) -> pb.TaskForce:
        """Order that a task force is set up, within three working days."""
        file, matter = await self.matter(request.name, work)
        work.call.require(matter.keeper)
        matters.must_be_listed(matter)
        before = await store.latest(work.connection, file.number)
        rules_of.may_order(before.state if before else None)
        row = await store.add(
            work.connection, file.number, state=ForceState.ORDERED, reason=request.reason, ordered_by=work.actor,
            ordered_at=work.now,
        )  # fmt: skip
        await work.start_clock(
            file.number, f"force-{row.force}", "force_setup", subject=request.name, unit=matter.keeper, at=work.now
        )
        return await self._told(work, matter, row, "TaskForceOrdered", reason=request.reason)

    @command(pb.TaskForce)
    async def SetUpTaskForce(self, request: pb.SetUpTaskForceRequest, work: Work) -> pb.TaskForce:
        """Set it up: leader, secretary, member units; the leader's unit is one of them."""
        file, matter, row = await self._force(request, work, ForceState.ORDERED)
        row = await store.change(work.connection, row, state=ForceState.WORKING, set_up_at=work.now)
        row = await self._hold(work, file, row, LEADER, request.leader)
        row = await self._hold(work, file, row, SECRETARY, request.secretary)
        units = [self.known(unit, f"units[{index}]") for index, unit in enumerate(request.units)]
        for unit in sorted({*units, row.leader_unit}):
            await store.join(work.connection, row, unit, work.now)
        await work.stop(file.number, f"force-{row.force}")
        return await self._told(work, matter, row, "TaskForceSetUp", units=len(units))

    @command(pb.TaskForce)
    async def ChangeTaskForce(self, request: pb.ChangeTaskForceRequest, work: Work) -> pb.TaskForce:
        """Change leader, secretary or members; a unit that has an open task stays."""
        file, matter, row = await self._force(request, work, ForceState.WORKING)
        joining = {self.known(unit, f"add_units[{index}]") for index, unit in enumerate(request.add_units)}
        leaving = {self.known(unit, f"remove_units[{index}]") for index, unit in enumerate(request.remove_units)}
        busy = {task.unit for task in await store.open_tasks(work.connection, row)}
        rules_of.must_have_no_task(leaving, busy)
        if request.HasField("leader"):
            row = await self._hold(work, file, row, LEADER, request.leader)
        if request.HasField("secretary"):
            row = await self._hold(work, file, row, SECRETARY, request.secretary)
        there = set(await store.members(work.connection, row))
        for unit in sorted((there & leaving) - {row.leader_unit}):
            await store.leave(work.connection, row, unit, work.now)
        for unit in sorted(({row.leader_unit} | joining) - there):
            await store.join(work.connection, row, unit, work.now)
        row = await store.change(work.connection, row, state=row.state)
        return await self._told(work, matter, row, "TaskForceChanged")

    @command(pb.TaskForce)
    async def DissolveTaskForce(self, request: pb.DissolveTaskForceRequest, work: Work) -> pb.TaskForce:
        """Dissolve it; open tasks and due minutes prevent that."""
        file, matter, row = await self._force(request, work, ForceState.WORKING)
        due = await matters.running(work.connection, file.number, "minutes-%")
        rules_of.may_dissolve(len(await store.open_tasks(work.connection, row)) + len(due))
        row = await store.change(
            work.connection, row, state=ForceState.DISSOLVED, dissolved_at=work.now, dissolve_reason=request.reason
        )
        for role in (LEADER, SECRETARY):
            await holders.release(work.connection, file.number, view.force_name(file.number), role, work.now)
        return await self._told(work, matter, row, "TaskForceDissolved", reason=request.reason)

    async def GetTaskForce(self, request: pb.GetTaskForceRequest, context: Context) -> pb.TaskForce:
        """Return the matter's task force."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
            await self._seen_force(connection, request.name)
            return await self._shown(connection, row)

    async def _force(self, request: Versioned, work: Work, state: ForceState) -> tuple[File, Matter, TaskForce]:
        """Return file, matter and task force, locked, if the caller may act for the unit that keeps the matter."""
        file, matter = await self.matter(request.name, work)
        work.call.require(matter.keeper)
        row = await store.get(work.connection, file.number)
        check_etag(row.version, request.etag)
        rules_of.must_be(row.state, state)
        return file, matter, row

    async def _hold(self, work: Work, file: File, row: TaskForce, role: str, office: pb.ForceOffice) -> TaskForce:
        """Make an official the holder of an office of the task force, and return its new row."""
        part = "leader" if role == LEADER else "secretary"
        unit = self.known(office.unit, f"{part}.unit")
        await holders.assign(
            work.connection, file.number, view.force_name(file.number), role, unit=unit, official=office.official,
            at=work.now,
        )  # fmt: skip
        return await store.change(work.connection, row, **{f"{part}_unit": unit, f"{part}_office": office.office})

    async def _shown(self, connection: Connection, row: TaskForce) -> pb.TaskForce:
        who = [
            await holders.holder(connection, row.number, view.force_name(row.number), role)
            for role in (LEADER, SECRETARY)
        ]
        busy = len(await store.open_tasks(connection, row))
        return view.force(row, await store.members(connection, row), busy, *who)

    async def _told(self, work: Work, matter: Matter, row: TaskForce, kind: str, **payload: object) -> pb.TaskForce:
        await work.append(NewEvent(matter.number, kind, matter.keeper, {"force": row.force, **payload}))
        return await self._shown(work.connection, row)
