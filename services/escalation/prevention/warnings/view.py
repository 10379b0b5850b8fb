"""What a warning looks like in the contract."""

from __future__ import annotations

from typing import Any

import orjson
from pb.escalation.v1 import warnings_pb2 as pb

from casework import names
from services.escalation.prevention.warnings.models import HazardWarning
from services.kit.instants import stamp
from services.kit.numbers import numbers


def warning(row: HazardWarning, language: str) -> pb.Warning:
    """Return a warning, without its texts."""
    told = orjson.loads(row.assessment) if row.assessment else None
    return pb.Warning(
        name=names.file_name(row.number),
        etag=str(row.version),
        urgent=row.urgent,
        unit=names.unit_name(row.unit),
        place=names.unit_name(row.place),
        category=f"categories/{row.category}",
        assessment=_assessment(told, language) if told else None,
        addressee=names.unit_name(row.addressee),
        target=row.target,
        returned=row.returned,
        due_time=stamp(row.due_at),
        report_time=stamp(row.reported_at),
        take_up_time=stamp(row.taken_up_at),
        verify_time=stamp(row.verified_at),
        assess_time=stamp(row.assessed_at),
        warn_time=stamp(row.warned_at),
        measures_time=stamp(row.measures_at),
        close_time=stamp(row.closed_at),
        **numbers(state=row.state, kind=row.kind, level=row.level),
    )


def _assessment(told: dict[str, Any], language: str) -> pb.WarningAssessment:
    return pb.WarningAssessment(
        rule=told["rule"], rule_version=told["version"], row=told["row"],
        reason=told["en" if language == "en" else "zh"],
    )  # fmt: skip
