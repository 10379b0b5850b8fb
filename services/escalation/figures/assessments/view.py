"""What assessments look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from pb.escalation.v1 import assessments_pb2 as pb

from casework import names
from services.escalation.figures.assessments import drawing_up
from services.escalation.figures.indicators import view as indicators
from services.kit.instants import stamp


def assessment(row: Any) -> pb.Assessment:
    """Return an assessment without what is in it."""
    return pb.Assessment(
        name=names.file_name(row.number),
        etag=str(row.version),
        state=row.state,
        unit=names.unit_name(row.unit),
        period=row.period,
        create_time=stamp(row.created_at),
        publish_time=stamp(row.published_at),
        objection_due_time=stamp(row.objection_due_at),
        final_time=stamp(row.final_at),
    )


def results(rows: Sequence[Any], language: str) -> list[pb.AssessmentResult]:
    """Return results in order of the units' codes."""
    return [_result(row, language) for row in rows]


def _result(row: Any, language: str) -> pb.AssessmentResult:
    rule = indicators.from_data(_read(row.rule))
    standing = drawing_up.standing(rule, row, _read(row.peers), _read(row.before))
    return pb.AssessmentResult(
        unit=names.unit_name(row.unit),
        standing=indicators.standing(rule, standing, language),
        corrected=row.corrected,
    )


def _read(stored: Any) -> Any:
    return orjson.loads(stored) if isinstance(stored, str) else stored


def objection_name(row: Any) -> str:
    """Return `assessments/{assessment}/objections/{objection}`."""
    return f"{names.file_name(row.number)}/objections/{row.objection}"


def objection(row: Any) -> pb.AssessmentObjection:
    """Return an objection without what it says."""
    return pb.AssessmentObjection(
        name=objection_name(row),
        etag=str(row.version),
        state=row.state,
        unit=names.unit_name(row.unit),
        indicator=row.indicator,
        object_time=stamp(row.objected_at),
        due_time=stamp(row.due_at),
        decide_time=stamp(row.decided_at),
        reason=row.reason,
    )


def correction(row: Any) -> pb.AssessmentCorrection:
    """Return a correction: what the figure was, and what it is."""
    return pb.AssessmentCorrection(
        objection=objection_name(row),
        unit=names.unit_name(row.unit),
        indicator=row.indicator,
        old_numerator=row.old_numerator,
        old_denominator=row.old_denominator,
        numerator=row.numerator,
        denominator=row.denominator,
        correct_time=stamp(row.corrected_at),
    )
