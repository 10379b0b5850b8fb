"""SQL of mediation: the only place that knows its tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from casework import names
from casework.case import DONE, TaskState
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text
from services.mediation.opening import Opened

OPEN_MATTER = "SELECT unit, stage = 4 AS closed FROM cases WHERE number = :number"
"""The unit of a matter on which clocks may be started here: a case; of a closed one those that are not its handling."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_DUE = "coalesce(due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00')"
"""Where a task stands in a list while its clock is paused without an end: after all others."""

_INSERT_CASE = text("""
    INSERT INTO cases (number, stage, unit, about, channel, category, grade, received_at, opened_at, due_at, due_clock,
                       open_tasks, plan, plan_version, sealed_key, sealed, updated_at)
    VALUES (:number, :stage, :unit, :about, :channel, :category, :grade, :received_at, :opened_at, :due_at, :due_clock,
            :open_tasks, :plan, :plan_version, :sealed_key, :sealed, :updated_at)
    ON CONFLICT (number) DO NOTHING RETURNING true
""")
_INSERT_TASK = text("""
    INSERT INTO tasks (number, task, state, unit, key, measure, evidence_rule, due_at, updated_at)
    VALUES (:number, :task, :state, :unit, :key, CAST(:measure AS jsonb), CAST(:evidence_rule AS jsonb),
            :due_at, :updated_at)
""")


async def add(connection: Connection, opened: Opened) -> None:
    """Store a new case with its tasks; ALREADY_EXISTS where the number has a case."""
    if not await connection.scalar(_INSERT_CASE, opened.case):
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(opened.case["number"]))
    await connection.execute(_INSERT_TASK, opened.tasks)


_CASE = "SELECT * FROM cases WHERE number = :number"
_TASK = "SELECT * FROM tasks WHERE number = :number AND task = :task"


async def get(connection: Connection, number: str) -> Any:
    """Return a case's row; NOT_FOUND where there is none."""
    return _found((await connection.execute(text(_CASE), {"number": number})).first(), names.case_name(number))


async def lock(connection: Connection, number: str) -> Any:
    """Return a case's row, locked for change; the lock orders all that happens to the case."""
    row = (await connection.execute(text(_CASE + " FOR UPDATE"), {"number": number})).first()
    return _found(row, names.case_name(number))


async def get_task(connection: Connection, number: str, task: int) -> Any:
    """Return a task's row; NOT_FOUND where there is none."""
    row = (await connection.execute(text(_TASK), {"number": number, "task": task})).first()
    return _found(row, names.task_name(number, task))


def _found(row: Any, name: str) -> Any:
    if row is None:
        raise CaseError(Reason.NOT_FOUND, name)
    return row


async def tasks_of(connection: Connection, number: str) -> Sequence[Any]:
    """Return the rows of a case's tasks, in order of the plan."""
    query = text("SELECT * FROM tasks WHERE number = :number ORDER BY task")
    return (await connection.execute(query, {"number": number})).all()


async def change(connection: Connection, number: str, at: datetime, **columns: Any) -> Any:
    """Change columns of a case and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"UPDATE cases SET {sets}, version = version + 1, updated_at = :at WHERE number = :number RETURNING *"
    return (await connection.execute(text(query), {"number": number, "at": at, **columns})).one()


async def change_task(connection: Connection, number: str, task: int, at: datetime, **columns: Any) -> Any:
    """Change columns of a task and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"""UPDATE tasks SET {sets}, version = version + 1, updated_at = :at
        WHERE number = :number AND task = :task RETURNING *"""
    return (await connection.execute(text(query), {"number": number, "task": task, "at": at, **columns})).one()


async def listed(
    connection: Connection,
    unit: str,
    stages: Sequence[int],
    overdue_by: datetime | None,
    behind: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return rows of cases newest first, of a unit pattern; `behind` is where the page before ended."""
    where, parameters = ["unit LIKE :unit"], {"unit": unit, "limit": limit}
    if stages:
        where.append("stage = ANY(CAST(:stages AS smallint[]))")
        parameters["stages"] = list(stages)
    if overdue_by:
        where.append("due_at < coalesce(closed_at, CAST(:now AS timestamptz))")
        parameters["now"] = overdue_by
    if behind:
        where.append("(opened_at, number) < (CAST(:at AS timestamptz), :number)")
        parameters.update(at=behind[0], number=behind[1])
    query = f"SELECT * FROM cases WHERE {' AND '.join(where)} ORDER BY opened_at DESC, number DESC LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()


async def listed_tasks(
    connection: Connection,
    unit: str,
    number: str,
    states: Sequence[int],
    overdue_by: datetime | None,
    behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Any]:
    """Return rows of tasks, earliest deadline first, of a unit pattern; a case's tasks where `number` is given."""
    where: list[str] = []
    parameters: dict[str, Any] = {"limit": limit}
    if number:
        where.append("number = :number")
        parameters["number"] = number
    if unit:
        where.append("unit LIKE :unit")
        parameters["unit"] = unit
    if states:
        where.append("state = ANY(CAST(:states AS smallint[]))")
        parameters["states"] = list(states)
    if overdue_by:
        where.append("due_at < coalesce(reported_at, CAST(:now AS timestamptz)) AND state <> :cancelled")
        parameters.update(now=overdue_by, cancelled=int(TaskState.CANCELLED))
    if behind:
        where.append(f"({_DUE}, number, task) > (CAST(:at AS timestamptz), :behind, :task)")
        parameters.update(at=behind[0], behind=behind[1], task=behind[2])
    query = f"SELECT * FROM tasks WHERE {' AND '.join(where)} ORDER BY {_DUE}, number, task LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()


async def cancel_tasks(connection: Connection, number: str, at: datetime) -> None:
    """Cancel the tasks of a case that ended before they were done."""
    query = text("""
        UPDATE tasks SET state = :cancelled, version = version + 1, updated_at = :at
        WHERE number = :number AND state <> ALL(:done)
    """)
    done = [int(state) for state in DONE]
    await connection.execute(query, {"number": number, "at": at, "cancelled": int(TaskState.CANCELLED), "done": done})


async def transfer(connection: Connection, number: str, before: str, unit: str, at: datetime) -> None:
    """Give the open tasks that the accountable unit had to the unit that is accountable now."""
    query = text("""
        UPDATE tasks SET unit = :unit, dispatched_at = :at, version = version + 1, updated_at = :at
        WHERE number = :number AND unit = :before AND state <> ALL(:done)
    """)
    done = [int(state) for state in DONE]
    await connection.execute(query, {"number": number, "before": before, "unit": unit, "at": at, "done": done})
