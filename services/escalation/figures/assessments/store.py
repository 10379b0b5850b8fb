"""SQL of assessments: results, objections, corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from casework import names
from casework.supervision.figures.assessment import ObjectionState
from services.escalation.scope import Range
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_RESULT = text("""
    INSERT INTO assessment_results (number, unit, place, indicator, rule, numerator, denominator, peers, before)
    VALUES (:number, :unit, :place, :indicator, CAST(:rule AS jsonb), :numerator, :denominator,
            CAST(:peers AS jsonb), CAST(:before AS jsonb))
""")
_RESULTS = "SELECT * FROM assessment_results WHERE number = :number {only} ORDER BY unit, place"
_NEXT = text("SELECT coalesce(max(objection), 0) + 1 FROM assessment_objections WHERE number = :number")
_OPEN = text("SELECT count(*) FROM assessment_objections WHERE number = :number AND state = :open")
_LISTED = """
    SELECT a.* FROM assessments a
    WHERE ((a.unit >= :low AND a.unit < :high)
       OR (a.state > 1 AND EXISTS (SELECT FROM assessment_results r
                                   WHERE r.number = a.number AND r.unit >= :low AND r.unit < :high)))
      {behind}
    ORDER BY a.created_at DESC, a.number DESC LIMIT :limit
"""


async def create(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a new assessment and return its row."""
    return await rows.insert(connection, "assessments", number=number, **columns)


async def get(connection: Connection, number: str) -> Any:
    """Return an assessment; NOT_FOUND where there is none."""
    found = await rows.select(connection, "assessments", "number", number=number)
    return not_found(found.first(), names.file_name(number))


async def change(connection: Connection, number: str, **columns: Any) -> Any:
    """Change columns of an assessment and return its new row."""
    return await rows.update(connection, "assessments", {"number": number}, **columns)


async def add_results(connection: Connection, number: str, results: Sequence[Mapping[str, Any]]) -> None:
    """Store the results of an assessment, in order."""
    packed = [
        {**each, "number": number, **{key: orjson.dumps(each[key]).decode() for key in ("rule", "peers", "before")}}
        for each in results
    ]
    if packed:
        await connection.execute(_RESULT, packed)


async def results(connection: Connection, number: str, units: Range | None) -> Sequence[Any]:
    """Return results in order of unit: all, or those of a range."""
    only = "AND unit >= :low AND unit < :high" if units else ""
    return (await connection.execute(text(_RESULTS.format(only=only)), {"number": number, **(units or {})})).all()


async def result(connection: Connection, number: str, unit: str, indicator: str) -> Any:
    """Return one result; None where the assessment has none of this unit."""
    found = await rows.select(connection, "assessment_results", "place", number=number, unit=unit, indicator=indicator)
    return found.first()


async def add_objection(connection: Connection, number: str, objection: int, **columns: Any) -> Any:
    """Store an objection and return its row."""
    return await rows.insert(
        connection, "assessment_objections", number=number, objection=objection, state=int(ObjectionState.OPEN),
        **columns,
    )  # fmt: skip


async def next_objection(connection: Connection, number: str) -> int:
    """Return the number of the next objection; the file is locked."""
    return int(await connection.scalar(_NEXT, {"number": number}))


async def objection(connection: Connection, number: str, objection: int) -> Any:
    """Return an objection; NOT_FOUND where there is none."""
    found = await rows.select(connection, "assessment_objections", "objection", number=number, objection=objection)
    return not_found(found.first(), f"{names.file_name(number)}/objections/{objection}")


async def objections(connection: Connection, number: str) -> Sequence[Any]:
    """Return the objections to an assessment, in the order in which they were made."""
    return await rows.select(connection, "assessment_objections", "objection", number=number)


async def open_objections(connection: Connection, number: str) -> int:
    """Return how many objections wait for a decision."""
    return int(await connection.scalar(_OPEN, {"number": number, "open": int(ObjectionState.OPEN)}))


async def decide(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of an objection and return its new row."""
    key = {"number": row.number, "objection": row.objection}
    return await rows.update(connection, "assessment_objections", key, **columns)


async def correct(connection: Connection, row: Any, result: Any, numerator: int, denominator: int, by: str,
                  at: datetime) -> None:  # fmt: skip
    """Put a figure right; what it was stays on record."""
    await rows.insert(
        connection, "assessment_corrections", number=row.number, objection=row.objection, unit=row.unit,
        indicator=row.indicator, old_numerator=result.numerator, old_denominator=result.denominator,
        numerator=numerator, denominator=denominator, corrected_at=at, corrected_by=by,
    )  # fmt: skip
    key = {"number": row.number, "unit": row.unit, "indicator": row.indicator}
    await rows.update(
        connection, "assessment_results", key, numerator=numerator, denominator=denominator, corrected=True
    )


async def corrections(connection: Connection, number: str) -> Sequence[Any]:
    """Return the corrections of an assessment, oldest first."""
    return await rows.select(connection, "assessment_corrections", "corrected_at, objection", number=number)


async def listed(
    connection: Connection, units: Range, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return assessments drawn up by units of a range, and published ones about such, newest first."""
    parameters: dict[str, Any] = {**units, "limit": limit}
    where = ""
    if behind:
        where = "AND (a.created_at, a.number) < (CAST(:at AS timestamptz), :number)"
        parameters |= {"at": behind[0], "number": behind[1]}
    return (await connection.execute(text(_LISTED.format(behind=where)), parameters)).all()
