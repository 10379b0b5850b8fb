"""Statements of task forces: the force, its members, meetings and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, Integer, Text, bindparam, select, update

from casework import names
from casework.supervision.matters.task_force import TaskState
from services.escalation.matters.special.models import ForceMeeting, ForceMember, ForceTask, TaskForce
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER, _FORCE = bindparam("number", type_=Text), bindparam("force", type_=Integer)
_LATEST = select(TaskForce).where(TaskForce.number == _NUMBER).order_by(TaskForce.force.desc()).limit(1)
_IN = (ForceMember.number == _NUMBER, ForceMember.force == _FORCE, ForceMember.until.is_(None))
_MEMBERS = select(ForceMember.unit).where(*_IN).order_by(ForceMember.unit)
_LEAVE = (
    update(ForceMember)
    .where(*_IN, ForceMember.unit == bindparam("unit"))
    .values(until=bindparam("at", type_=DateTime(timezone=True)))
)
_TASKS = (
    select(ForceTask)
    .where(ForceTask.number == _NUMBER)
    .order_by(ForceTask.state == TaskState.DONE, ForceTask.due_on, ForceTask.task)
)
_OPEN = (
    select(ForceTask)
    .where(ForceTask.number == _NUMBER, ForceTask.force == _FORCE, ForceTask.state != TaskState.DONE)
    .order_by(ForceTask.due_on, ForceTask.task)
)


async def latest(connection: Connection, number: str) -> TaskForce | None:
    """Return the row of the matter's newest task force; None where there was never one."""
    return (await connection.execute(_LATEST, {"number": number})).first()


async def get(connection: Connection, number: str) -> TaskForce:
    """Return the row of the matter's newest task force; NOT_FOUND where there was never one."""
    return rows.not_found(await latest(connection, number), f"{names.file_name(number)}/taskForce")


async def add(connection: Connection, number: str, **columns: object) -> TaskForce:
    """Store the matter's next task force and return its row."""
    before = await latest(connection, number)
    force = before.force + 1 if before else 1
    return await rows.insert(connection, TaskForce, number=number, force=force, **columns)


async def change(connection: Connection, row: TaskForce, **columns: object) -> TaskForce:
    """Change columns of a task force and return its new row."""
    return await rows.update(connection, TaskForce, {"number": row.number, "force": row.force}, **columns)


async def members(connection: Connection, row: TaskForce) -> list[str]:
    """Return the member units of a task force."""
    found = await connection.execute(_MEMBERS, {"number": row.number, "force": row.force})
    return [unit for (unit,) in found]


async def join(connection: Connection, row: TaskForce, unit: str, at: datetime) -> None:
    """Let a unit join."""
    await rows.insert(connection, ForceMember, number=row.number, force=row.force, unit=unit, since=at)


async def leave(connection: Connection, row: TaskForce, unit: str, at: datetime) -> None:
    """Let a unit leave."""
    await connection.execute(_LEAVE, {"number": row.number, "force": row.force, "unit": unit, "at": at})


async def add_task(connection: Connection, row: TaskForce, **columns: object) -> ForceTask:
    """Store a task of a task force and return its row."""
    return await rows.add(
        connection, ForceTask, "task", {"number": row.number}, force=row.force, state=TaskState.OPEN, **columns
    )


async def task(connection: Connection, number: str, index: int) -> ForceTask:
    """Return a task; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/taskForce/tasks/{index}"
    return await rows.get(connection, ForceTask, name, number=number, task=index)


async def change_task(connection: Connection, row: ForceTask, **columns: object) -> ForceTask:
    """Change columns of a task and return its new row."""
    return await rows.update(connection, ForceTask, {"number": row.number, "task": row.task}, **columns)


async def tasks(connection: Connection, number: str) -> Sequence[ForceTask]:
    """Return the tasks of a matter's task forces: open ones first, by their day."""
    return await connection.execute(_TASKS, {"number": number})


async def open_tasks(connection: Connection, row: TaskForce) -> Sequence[ForceTask]:
    """Return the tasks of a task force that are not done, by their day."""
    return await connection.execute(_OPEN, {"number": row.number, "force": row.force})


async def decided(connection: Connection, meeting: ForceMeeting) -> Sequence[ForceTask]:
    """Return the tasks that a meeting decided."""
    return await rows.find(connection, ForceTask, ForceTask.task, number=meeting.number, meeting=meeting.meeting)


async def add_meeting(connection: Connection, row: TaskForce, units: list[str], at: datetime) -> ForceMeeting:
    """Store a meeting of a task force and return its row."""
    return await rows.add(
        connection, ForceMeeting, "meeting", {"number": row.number}, force=row.force, units=units, held_at=at
    )


async def meeting(connection: Connection, number: str, index: int) -> ForceMeeting:
    """Return a meeting; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/taskForce/meetings/{index}"
    return await rows.get(connection, ForceMeeting, name, number=number, meeting=index)


async def change_meeting(connection: Connection, row: ForceMeeting, **columns: object) -> ForceMeeting:
    """Change columns of a meeting and return its new row."""
    return await rows.update(connection, ForceMeeting, {"number": row.number, "meeting": row.meeting}, **columns)


async def meetings(connection: Connection, number: str) -> Sequence[ForceMeeting]:
    """Return the meetings of a matter's task forces, oldest first."""
    return await rows.find(connection, ForceMeeting, ForceMeeting.meeting, number=number)
