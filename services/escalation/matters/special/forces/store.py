"""SQL of task forces: the force, its members, meetings and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.matters.task_force import TaskState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_LATEST = text("SELECT * FROM task_forces WHERE number = :number ORDER BY force DESC LIMIT 1")
_NEXT = {
    "force_tasks": text("SELECT coalesce(max(task), 0) + 1 FROM force_tasks WHERE number = :number"),
    "force_meetings": text("SELECT coalesce(max(meeting), 0) + 1 FROM force_meetings WHERE number = :number"),
}
_MEMBERS = text("""
    SELECT unit FROM force_members WHERE number = :number AND force = :force AND until IS NULL ORDER BY unit
""")
_LEAVE = text("""
    UPDATE force_members SET until = :at WHERE number = :number AND force = :force AND unit = :unit AND until IS NULL
""")
_TASKS = text("SELECT * FROM force_tasks WHERE number = :number ORDER BY state = 3, due_on, task")
_OPEN = text("SELECT * FROM force_tasks WHERE number = :number AND force = :force AND state <> 3 ORDER BY due_on, task")


async def latest(connection: Connection, number: str) -> Any:
    """Return the row of the matter's newest task force; None where there was never one."""
    return (await connection.execute(_LATEST, {"number": number})).first()


async def get(connection: Connection, number: str) -> Any:
    """Return the row of the matter's newest task force; NOT_FOUND where there was never one."""
    return rows.not_found(await latest(connection, number), f"{names.file_name(number)}/taskForce")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store the matter's next task force and return its row."""
    before = await latest(connection, number)
    force = before.force + 1 if before else 1
    return await rows.insert(connection, "task_forces", number=number, force=force, **columns)


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a task force and return its new row."""
    return await rows.update(connection, "task_forces", {"number": row.number, "force": row.force}, **columns)


async def members(connection: Connection, row: Any) -> list[str]:
    """Return the member units of a task force."""
    found = await connection.execute(_MEMBERS, {"number": row.number, "force": row.force})
    return [each.unit for each in found]


async def join(connection: Connection, row: Any, unit: str, at: datetime) -> None:
    """Let a unit join."""
    await rows.insert(connection, "force_members", number=row.number, force=row.force, unit=unit, since=at)


async def leave(connection: Connection, row: Any, unit: str, at: datetime) -> None:
    """Let a unit leave."""
    await connection.execute(_LEAVE, {"number": row.number, "force": row.force, "unit": unit, "at": at})


async def add_task(connection: Connection, row: Any, **columns: Any) -> Any:
    """Store a task of a task force and return its row."""
    task: int = await connection.scalar(_NEXT["force_tasks"], {"number": row.number})
    return await rows.insert(
        connection, "force_tasks", number=row.number, task=task, force=row.force, state=int(TaskState.OPEN), **columns
    )


async def task(connection: Connection, number: str, index: int) -> Any:
    """Return a task; NOT_FOUND where there is none."""
    found = await rows.select(connection, "force_tasks", "task", number=number, task=index)
    return rows.not_found(found.first(), f"{names.file_name(number)}/taskForce/tasks/{index}")


async def change_task(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a task and return its new row."""
    return await rows.update(connection, "force_tasks", {"number": row.number, "task": row.task}, **columns)


async def tasks(connection: Connection, number: str) -> Sequence[Any]:
    """Return the tasks of a matter's task forces: open ones first, by their day."""
    return await connection.execute(_TASKS, {"number": number})


async def open_tasks(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the tasks of a task force that are not done, by their day."""
    return await connection.execute(_OPEN, {"number": row.number, "force": row.force})


async def decided(connection: Connection, meeting: Any) -> Sequence[Any]:
    """Return the tasks that a meeting decided."""
    return await rows.select(connection, "force_tasks", "task", number=meeting.number, meeting=meeting.meeting)


async def add_meeting(connection: Connection, row: Any, units: list[str], at: datetime) -> Any:
    """Store a meeting of a task force and return its row."""
    meeting: int = await connection.scalar(_NEXT["force_meetings"], {"number": row.number})
    return await rows.insert(
        connection, "force_meetings", number=row.number, meeting=meeting, force=row.force, units=units, held_at=at
    )


async def meeting(connection: Connection, number: str, index: int) -> Any:
    """Return a meeting; NOT_FOUND where there is none."""
    found = await rows.select(connection, "force_meetings", "meeting", number=number, meeting=index)
    return rows.not_found(found.first(), f"{names.file_name(number)}/taskForce/meetings/{index}")


async def change_meeting(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a meeting and return its new row."""
    return await rows.update(connection, "force_meetings", {"number": row.number, "meeting": row.meeting}, **columns)


async def meetings(connection: Connection, number: str) -> Sequence[Any]:
    """Return the meetings of a matter's task forces, oldest first."""
    return await rows.select(connection, "force_meetings", "meeting", number=number)
