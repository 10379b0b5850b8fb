"""What assessments look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import assessments_pb2 as pb

from casework import names
from services.escalation.figures.assessments import drawing_up
from services.escalation.figures.indicators import view as indicators
from services.escalation.figures.models import (
    Assessment,
    AssessmentCorrection,
    AssessmentObjection,
    AssessmentResult,
)
from services.kit.instants import stamp
from services.kit.numbers import numbers


def assessment(row: Assessment) -> pb.Assessment:
    """Return an assessment without its results."""
    return pb.Assessment(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        period=row.period,
        create_time=stamp(row.created_at),
        publish_time=stamp(row.published_at),
        objection_due_time=stamp(row.objection_due_at),
        final_time=stamp(row.final_at),
        **numbers(state=row.state),
    )


def results(rows: Sequence[AssessmentResult], language: str) -> list[pb.AssessmentResult]:
    """Return results in order of the units' codes."""
    return [_result(row, language) for row in rows]


def _result(row: AssessmentResult, language: str) -> pb.AssessmentResult:
    rule = indicators.from_data(row.rule)
    standing = drawing_up.standing(rule, row)
    return pb.AssessmentResult(
        unit=names.unit_name(row.unit),
        standing=indicators.standing(rule, standing, language),
        corrected=row.corrected,
    )


def objection_name(row: AssessmentObjection | AssessmentCorrection) -> str:
    """Return `assessments/{assessment}/objections/{objection}`."""
    return f"{names.file_name(row.number)}/objections/{row.objection}"


def objection(row: AssessmentObjection) -> pb.AssessmentObjection:
    """Return an objection without its text."""
    return pb.AssessmentObjection(
        name=objection_name(row),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        indicator=row.indicator,
        object_time=stamp(row.objected_at),
        due_time=stamp(row.due_at),
        decide_time=stamp(row.decided_at),
        reason=row.reason,
        **numbers(state=row.state),
    )


def correction(row: AssessmentCorrection) -> pb.AssessmentCorrection:
    """Return a correction: the old and the new figure."""
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
