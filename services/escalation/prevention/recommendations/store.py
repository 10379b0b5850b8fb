"""SQL of recommendations and their pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.prevention.recommendation import WITH_DEPARTMENT
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_SENT = ", ".join(str(int(state)) for state in sorted(WITH_DEPARTMENT))
_PAIR = text("INSERT INTO recommendation_pairs (number, pair) SELECT :number, n FROM generate_series(1, :pairs) AS n")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a recommendation and return its row."""
    return await rows.insert(connection, "recommendations", number=number, **columns)


async def get(connection: Connection, number: str) -> Any:
    """Return a recommendation; NOT_FOUND where there is none."""
    found = (await rows.select(connection, "recommendations", "number", number=number)).first()
    return not_found(found, names.file_name(number))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a recommendation and return its new row."""
    return await rows.update(connection, "recommendations", {"number": row.number}, **columns)


async def pairs_of(connection: Connection, number: str) -> Sequence[Any]:
    """Return the pairs of a recommendation, in order."""
    return (await rows.select(connection, "recommendation_pairs", "pair", number=number)).all()


async def fix_pairs(connection: Connection, row: Any) -> None:
    """Store the pairs of what is approved: from now on each is answered on its own."""
    await connection.execute(_PAIR, {"number": row.number, "pairs": row.pair_count})


async def answer(connection: Connection, number: str, column: str, answers: Mapping[int, int]) -> None:
    """Store what became of each pair: its `adoption`, or what was `carried_out`."""
    query = text(f"UPDATE recommendation_pairs SET {column} = :answer WHERE number = :number AND pair = :pair")
    told = [{"number": number, "pair": pair, "answer": answer} for pair, answer in answers.items()]
    await connection.execute(query, told)


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return recommendations of units of the pattern, and those that were served on one; oldest first."""
    where = [f"(unit LIKE :unit OR (addressee LIKE :unit AND state IN ({_SENT})))"]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if only_open:
        where.append("visited_at IS NULL AND withdrawn_at IS NULL")
    if behind:
        where.append("(created_at, number) > (CAST(:at AS timestamptz), :behind)")
        parameters.update(at=behind[0], behind=behind[1])
    query = f"SELECT * FROM recommendations WHERE {' AND '.join(where)} ORDER BY created_at, number LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()


_PAIRS = text("SELECT * FROM recommendation_pairs WHERE number = ANY(:numbers) ORDER BY number, pair")


async def pairs_by_number(connection: Connection, numbers: Sequence[str]) -> dict[str, list[Any]]:
    """Return the pairs of several recommendations, in one statement."""
    found: dict[str, list[Any]] = {number: [] for number in numbers}
    for pair in await connection.execute(_PAIRS, {"numbers": list(numbers)}):
        found[pair.number].append(pair)
    return found
