"""Counts of matters received, by one property."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2, case_pb2

from casework.door.category import CategoryTree
from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.supervision.figures.suppression import Publication
from services.escalation.figures.statistics import store
from services.escalation.figures.statistics.store import By
from services.escalation.scope import Range
from services.kit.storage.database import Connection

NONE = "none"
"""The key of matters without this property."""


async def count(connection: Connection, units: Range, start: datetime, end: datetime, by: By) -> dict[str, int]:
    """Return the counts by key, in order of key."""
    return {key or NONE: count for key, count in await store.counts(connection, units, start, end, by)}


def keys(by: By, categories: CategoryTree, period: ReportingPeriod) -> list[str]:
    """Return every possible key, in order: publications have all of them, even if the count is zero."""
    if by is By.MONTH:
        return period.month_names
    found = {
        By.CATEGORY: lambda: [each.id for each in categories.children()],
        By.DOOR: lambda: _words(report_pb2.Channel, "CHANNEL_"),
        By.STAGE: lambda: {*_words(case_pb2.Stage, "STAGE_"), *_words(report_pb2.ReportState, "REPORT_STATE_")},
        By.GRADE: lambda: _words(report_pb2.Grade, "GRADE_"),
        By.OUTCOME: lambda: _words(agreement_pb2.MediationOutcome, "MEDIATION_OUTCOME_"),
        By.PERFORMANCE: lambda: _words(agreement_pb2.Performance, "PERFORMANCE_"),
    }[by]()
    return sorted({*found, NONE} - {"merged"})


def published(
    counts: dict[str, int], unit: str, period: str, by: By, every: list[str], publication: Publication
) -> dict[str, int | None]:
    """Return the counts of every key as they may be published; a key that no longer exists counts as none."""
    held = {key: counts.get(key, 0) for key in every}
    if NONE in held:
        held[NONE] += sum(count for key, count in counts.items() if key not in held)
    # A month is the same cell wherever it is shown, whatever the matters are counted by.
    cells = {key: whole(unit, key) if by is By.MONTH else f"{whole(unit, period)}/{by.name}/{key}" for key in held}
    return {key: publication.count(cells[key], count) for key, count in held.items()}


def whole(unit: str, period: str) -> str:
    """Return the name of the cell of all matters of a unit in a period."""
    return f"{unit}/{period}"


def _words(enum: EnumTypeWrapper, prefix: str) -> list[str]:
    """Return the values of an enum as in the facts."""
    return [name.removeprefix(prefix).lower() for name, number in enum.items() if number]
