"""SQL of consultations: what is asked, the draw, declared conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from casework import names
from casework.supervision.matters.consultation import AskState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

# A case that was never escalated has no file here yet; its unit is known to mediation alone.
_FILE = text("INSERT INTO files (number) VALUES (:number) ON CONFLICT (number) DO NOTHING")
_NEXT = text("SELECT coalesce(max(consultation), 0) + 1 FROM consultations WHERE number = :number")
_NEXT_PLACE = text("""
    SELECT coalesce(max(place), 0) + 1 FROM expert_asks WHERE number = :number AND consultation = :consultation
""")
_WITH = text("""
    SELECT * FROM expert_asks WHERE number = :number AND consultation = :consultation AND seed = :seed
        AND state = ANY(CAST(:states AS smallint[])) ORDER BY place LIMIT 1
""")
_DROP = text("""
    UPDATE expert_asks SET state = :dropped, version = version + 1
    WHERE number = :number AND consultation = :consultation AND state IN (1, 2, 3)
""")


def consultation_name(row: Any) -> str:
    """Return the resource name of a consultation."""
    return f"{names.file_name(row.number)}/consultations/{row.consultation}"


async def open_case(connection: Connection, number: str) -> None:
    """Give a case a file, where it has none."""
    await connection.execute(_FILE, {"number": number})


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a consultation and return its row."""
    consultation: int = await connection.scalar(_NEXT, {"number": number})
    return await rows.insert(connection, "consultations", number=number, consultation=consultation, **columns)


async def get(connection: Connection, number: str, consultation: int) -> Any:
    """Return a consultation; NOT_FOUND where there is none."""
    found = await rows.select(connection, "consultations", "consultation", number=number, consultation=consultation)
    return rows.not_found(found.first(), f"{names.file_name(number)}/consultations/{consultation}")


async def of_file(connection: Connection, number: str) -> Sequence[Any]:
    """Return the consultations of a matter or a case, oldest first."""
    return await rows.select(connection, "consultations", "consultation", number=number)


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a consultation and return its new row."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.update(connection, "consultations", key, **columns)


async def declare(connection: Connection, row: Any, conflicts: Mapping[str, int]) -> None:
    """Store the conflicts that were declared beforehand, by expert."""
    for expert, reason in conflicts.items():
        await rows.insert(
            connection, "consultation_conflicts", number=row.number, consultation=row.consultation,
            expert=names.number_of(expert), reason=reason,
        )  # fmt: skip


async def conflicts(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the conflicts that were declared."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.select(connection, "consultation_conflicts", "expert", **key)


async def order(connection: Connection, row: Any, seed: str, experts: Sequence[str]) -> None:
    """Store the order of a draw, nobody asked yet."""
    key = {"number": row.number, "consultation": row.consultation}
    first: int = await connection.scalar(_NEXT_PLACE, key)
    for place, expert in enumerate(experts, first):
        await rows.insert(
            connection, "expert_asks", **key, place=place, seed=seed, expert=names.number_of(expert),
            state=int(AskState.WAITING),
        )  # fmt: skip


async def ask_in(connection: Connection, row: Any, *states: AskState) -> Any:
    """Return the first of the present draw that is in one of these states; None where none is."""
    parameters = {"number": row.number, "consultation": row.consultation, "seed": row.seed}
    return (await connection.execute(_WITH, {**parameters, "states": [int(state) for state in states]})).first()


async def answer(connection: Connection, ask: Any, **columns: Any) -> None:
    """Change columns of an expert's place in the draw."""
    key = {"number": ask.number, "consultation": ask.consultation, "place": ask.place}
    await rows.update(connection, "expert_asks", key, **columns)


async def drop(connection: Connection, row: Any) -> None:
    """Let everybody in the draws go."""
    parameters = {"number": row.number, "consultation": row.consultation, "dropped": int(AskState.DROPPED)}
    await connection.execute(_DROP, parameters)


async def asks(connection: Connection, row: Any) -> Sequence[Any]:
    """Return everybody who was in a draw, in the order of the draws."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.select(connection, "expert_asks", "place", **key)
