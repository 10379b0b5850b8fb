"""Statements of assessments: results, objections, corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Integer, Text, and_, bindparam, func, insert, or_, select, tuple_

from casework import names
from casework.supervision.figures.assessment import AssessmentState, ObjectionState
from services.escalation.figures.models import (
    Assessment,
    AssessmentCorrection,
    AssessmentObjection,
    AssessmentResult,
)
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_RESULT = insert(AssessmentResult).values({
    name: bindparam(name)
    for name in ("number", "unit", "place", "indicator", "rule", "numerator", "denominator", "peers", "before")
})  # fmt: skip
_RESULTS = (
    select(AssessmentResult)
    .where(AssessmentResult.number == _NUMBER)
    .order_by(AssessmentResult.unit, AssessmentResult.place)
)
_RESULTS_OF = _RESULTS.where(within(AssessmentResult.unit))
_OPEN = (
    select(func.count())
    .select_from(AssessmentObjection)
    .where(AssessmentObjection.number == _NUMBER, AssessmentObjection.state == ObjectionState.OPEN)
)
_ABOUT_THEM = (
    select(AssessmentResult.number)
    .where(AssessmentResult.number == Assessment.number, within(AssessmentResult.unit))
    .exists()
)
_LISTED = (
    select(Assessment)
    .where(
        or_(
            within(Assessment.unit), and_(Assessment.state > AssessmentState.DRAFT, _ABOUT_THEM)
        )
    )
    .order_by(Assessment.created_at.desc(), Assessment.number.desc())
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip
_LISTED_BEHIND = _LISTED.where(
    tuple_(Assessment.created_at, Assessment.number) < tuple_(bindparam("at", type_=DateTime(timezone=True)), _NUMBER)
)


async def create(connection: Connection, number: str, **columns: object) -> Assessment:
    """Store a new assessment and return its row."""
    return await rows.insert(connection, Assessment, number=number, **columns)


async def get(connection: Connection, number: str) -> Assessment:
    """Return an assessment; NOT_FOUND where there is none."""
    return await rows.get(connection, Assessment, names.file_name(number), number=number)


async def change(connection: Connection, number: str, **columns: object) -> Assessment:
    """Change columns of an assessment and return its new row."""
    return await rows.update(connection, Assessment, {"number": number}, **columns)


async def add_results(connection: Connection, number: str, results: Sequence[Mapping[str, Any]]) -> None:
    """Store the results of an assessment, in order."""
    if results:
        await connection.execute(_RESULT, [{**each, "number": number} for each in results])


async def results(connection: Connection, number: str, units: Range | None) -> Sequence[AssessmentResult]:
    """Return results in order of unit: all, or those of a range."""
    return await connection.execute(_RESULTS_OF if units else _RESULTS, {"number": number, **(units or {})})


async def result(connection: Connection, number: str, unit: str, indicator: str) -> AssessmentResult | None:
    """Return one result; None if the assessment has none of this unit."""
    found = await rows.find(connection, AssessmentResult, number=number, unit=unit, indicator=indicator)
    return found.first()


async def add_objection(connection: Connection, number: str, objection: int, **columns: object) -> AssessmentObjection:
    """Store an objection and return its row."""
    return await rows.insert(
        connection, AssessmentObjection, number=number, objection=objection, state=ObjectionState.OPEN,
        **columns,
    )  # fmt: skip


async def next_objection(connection: Connection, number: str) -> int:
    """Return the number of the next objection; the file is locked."""
    return await rows.next_of(connection, AssessmentObjection.objection, number=number)


async def objection(connection: Connection, number: str, objection: int) -> AssessmentObjection:
    """Return an objection; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/objections/{objection}"
    return await rows.get(connection, AssessmentObjection, name, number=number, objection=objection)


async def objections(connection: Connection, number: str) -> Sequence[AssessmentObjection]:
    """Return the objections to an assessment, in the order in which they were made."""
    return await rows.find(connection, AssessmentObjection, AssessmentObjection.objection, number=number)


async def open_objections(connection: Connection, number: str) -> int:
    """Return how many objections wait for a decision."""
    return await connection.scalar(_OPEN, {"number": number}) or 0


async def decide(connection: Connection, row: AssessmentObjection, **columns: object) -> AssessmentObjection:
    """Change columns of an objection and return its new row."""
    key = {"number": row.number, "objection": row.objection}
    return await rows.update(connection, AssessmentObjection, key, **columns)


async def correct(
    connection: Connection, row: AssessmentObjection, result: AssessmentResult, numerator: int, denominator: int,
    by: str, at: datetime,
) -> None:  # fmt: skip
    """Correct a figure; the old one stays on record."""
    await rows.insert(
        connection, AssessmentCorrection, number=row.number, objection=row.objection, unit=row.unit,
        indicator=row.indicator, old_numerator=result.numerator, old_denominator=result.denominator,
        numerator=numerator, denominator=denominator, corrected_at=at, corrected_by=by,
    )  # fmt: skip
    key = {"number": row.number, "unit": row.unit, "indicator": row.indicator}
    await rows.update(connection, AssessmentResult, key, numerator=numerator, denominator=denominator, corrected=True)


async def corrections(connection: Connection, number: str) -> Sequence[AssessmentCorrection]:
    """Return the corrections of an assessment, oldest first."""
    order = (AssessmentCorrection.corrected_at, AssessmentCorrection.objection)
    return await rows.find(connection, AssessmentCorrection, *order, number=number)


async def listed(
    connection: Connection, units: Range, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Assessment]:
    """Return assessments drawn up by units of a range, and published ones about them, newest first."""
    at, number = behind or (None, "")
    parameters = {**units, "limit": limit, "at": at, "number": number}
    return await connection.execute(_LISTED_BEHIND if behind else _LISTED, parameters)
