"""SQL of warnings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.prevention.warning import TOLD_TO_DEPARTMENT
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_TOLD = ", ".join(str(int(state)) for state in sorted(TOLD_TO_DEPARTMENT))
# What was told goes, whoever told it: of what is unfounded only a number and a place are left.
_ERASE = text("""
    UPDATE warnings SET sealed_hazard = NULL, sealed_reporter = NULL, sealed_finding = NULL WHERE number = :number
""")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a warning and return its row."""
    return await rows.insert(connection, "warnings", number=number, **columns)


async def get(connection: Connection, number: str) -> Any:
    """Return a warning; NOT_FOUND where there is none."""
    found = (await rows.select(connection, "warnings", "number", number=number)).first()
    return not_found(found, names.file_name(number))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a warning and return its new row."""
    return await rows.update(connection, "warnings", {"number": row.number}, **columns)


async def erase(connection: Connection, row: Any) -> None:
    """Erase everything that was told of a warning."""
    await connection.execute(_ERASE, {"number": row.number})


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[int, datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return warnings of units of the pattern, and those such a unit was warned by; urgent ones first, then oldest."""
    where = [f"(unit LIKE :unit OR (addressee LIKE :unit AND state IN ({_TOLD})))"]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if only_open:
        where.append("closed_at IS NULL")
    if behind:
        where.append("""(urgent < :urgent
            OR (urgent = :urgent AND (reported_at, number) > (CAST(:at AS timestamptz), :behind)))""")
        parameters.update(urgent=bool(behind[0]), at=behind[1], behind=behind[2])
    query = f"""SELECT * FROM warnings WHERE {" AND ".join(where)}
        ORDER BY urgent DESC, reported_at, number LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()
