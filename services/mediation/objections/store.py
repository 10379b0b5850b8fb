"""SQL of objections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework.mediation.objection import ObjectionState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_NEXT = text("SELECT coalesce(max(objection), 0) + 1 FROM objections WHERE number = :number")
_OF_DISPATCH = text("""
    SELECT state FROM objections
    WHERE number = :number AND task = :task AND unit = :unit AND dispatched_at = :dispatched_at
""")
_PETITION = text("SELECT EXISTS (SELECT FROM dockings WHERE number = :number AND kind = 3)")
_LAPSE = text("""
    UPDATE objections SET state = :lapsed, ended_at = :at, version = version + 1
    WHERE number = :number AND state = :made AND (CAST(:task AS integer) IS NULL OR task = :task)
      AND (CAST(:unit AS text) IS NULL OR task = 0 OR unit = :unit)
    RETURNING *
""")


def name_of(number: str, objection: int) -> str:
    """Return `cases/{number}/objections/{objection}`."""
    return f"cases/{number}/objections/{objection}"


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store an objection and return its row."""
    objection: int = await connection.scalar(_NEXT, {"number": number})
    return await rows.insert(
        connection, "objections", number=number, objection=objection, state=int(ObjectionState.MADE), **columns
    )


async def next_of(connection: Connection, number: str) -> int:
    """Return the number the next objection of a locked case gets."""
    return int(await connection.scalar(_NEXT, {"number": number}))


async def get(connection: Connection, number: str, objection: int) -> Any:
    """Return an objection; NOT_FOUND where there is none."""
    found = await rows.select(connection, "objections", "objection", number=number, objection=objection)
    return rows.not_found(found.first(), name_of(number, objection))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of an objection and return its new row."""
    return await rows.update(connection, "objections", {"number": row.number, "objection": row.objection}, **columns)


async def of_dispatch(
    connection: Connection, number: str, task: int, unit: str, dispatched_at: datetime
) -> list[ObjectionState]:
    """Return where the objections to one dispatch stand."""
    parameters = {"number": number, "task": task, "unit": unit, "dispatched_at": dispatched_at}
    return [ObjectionState(row.state) for row in await connection.execute(_OF_DISPATCH, parameters)]


async def about(connection: Connection, number: str, task: int) -> Sequence[Any]:
    """Return the objections to dispatches of a task, or with 0 of the case, that were not taken back."""
    found = await rows.select(connection, "objections", "objection", number=number, task=task)
    return [row for row in found if row.state != ObjectionState.WITHDRAWN]


async def is_petition(connection: Connection, number: str) -> bool:
    """Return whether a petition office handed the case over."""
    return bool(await connection.scalar(_PETITION, {"number": number}))


async def lapse(connection: Connection, number: str, task: int | None, unit: str | None, at: datetime) -> Sequence[Any]:
    """Let open objections lapse and return their rows: of a task, of the case by a unit and its tasks, or all."""
    made, lapsed = int(ObjectionState.MADE), int(ObjectionState.LAPSED)
    parameters = {"number": number, "task": task, "unit": unit, "at": at, "made": made, "lapsed": lapsed}
    return (await connection.execute(_LAPSE, parameters)).all()


async def listed(
    connection: Connection, unit: str, number: str, only_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Any]:  # fmt: skip
    """Return objections by units of the pattern or to be decided there, the one to be decided first first."""
    where, parameters = ["(unit LIKE :unit OR umpire LIKE :unit)"], dict[str, Any](unit=unit, limit=limit)
    if number:
        where.append("number = :number")
        parameters["number"] = number
    if only_open:
        where.append(f"state = {int(ObjectionState.MADE)}")
    if behind:
        where.append("(decide_until, number, objection) > (CAST(:at AS timestamptz), :behind, :objection)")
        parameters.update(at=behind[0], behind=behind[1], objection=behind[2])
    query = f"""SELECT * FROM objections WHERE {" AND ".join(where)}
        ORDER BY decide_until, number, objection LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()
