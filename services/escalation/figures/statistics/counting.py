"""Counts of matters received, by one property."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2, case_pb2

from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.supervision.figures.spread import Handling
from casework.supervision.figures.suppression import Publication
from casework.units import UnitTree
from services.escalation.figures.statistics import store
from services.escalation.figures.statistics.store import By
from services.escalation.scope import Range
from services.kit.rules import Rules
from services.kit.storage.database import Connection

NONE, ELSEWHERE = "none", "elsewhere"
"""The keys of matters without this property, and of those at a place outside the unit."""
Key = Callable[[str], str]


def key_of(by: By, unit: str, rules: Rules) -> Key:
    """Return what makes the shown key of a stored one."""
    if by is By.FIELD:
        return lambda category: rules.fields.of(category) or NONE
    if by in store.DERIVED:
        return lambda code: _below(code, unit, rules.units) if code else NONE
    return lambda key: key or NONE


def _below(code: str, unit: str, units: UnitTree) -> str:
    """Return the unit one step below another one in whose area a unit lies; the other one itself for its own."""
    path = units.path(code)
    if unit not in path:
        return ELSEWHERE
    return next(iter(path[path.index(unit) + 1 :]), unit)


async def count(
    connection: Connection, units: Range, start: datetime, end: datetime, by: By, key: Key
) -> dict[str, int]:
    """Return the counts by key, in order of key."""
    found: Counter[str] = Counter()
    for stored, count in await store.counts(connection, units, start, end, by):
        found[key(stored)] += count
    return dict(sorted(found.items()))


async def handling(
    connection: Connection, units: Range, start: datetime, end: datetime, by: By, key: Key
) -> dict[str, Handling]:
    """Return how matters were handled, by key in order."""
    found: defaultdict[str, Handling] = defaultdict(Handling)
    for stored, figures in (await store.handling(connection, units, start, end, by)).items():
        found[key(stored)] += figures
    return dict(sorted(found.items()))


def keys(by: By, unit: str, rules: Rules, period: ReportingPeriod) -> list[str]:
    """Return every possible key, in order: publications have all of them, even if the count is zero."""
    if by is By.MONTH:
        return period.month_names
    found = {
        By.CATEGORY: lambda: [each.id for each in rules.categories.children()],
        By.FIELD: lambda: [each.key for each in rules.fields.fields],
        By.UNIT: lambda: [unit, *rules.units.children(unit)],
        By.PLACE: lambda: [unit, ELSEWHERE, *(each for each in rules.units.children(unit) if "-" not in each)],
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
    cells = {key: _cell(unit, period, by, key) for key in held}
    return {key: publication.count(cells[key], count) for key, count in held.items()}


def _cell(unit: str, period: str, by: By, key: str) -> str:
    """Return the name of a cell: what is the same cell in two tables has one name, and so one number."""
    if by is By.MONTH:
        return whole(unit, key)
    if by is By.UNIT and key not in (unit, NONE):
        return whole(key, period)
    return f"{whole(unit, period)}/{by.name}/{key}"


def whole(unit: str, period: str) -> str:
    """Return the name of the cell of all matters of a unit in a period."""
    return f"{unit}/{period}"


def _words(enum: EnumTypeWrapper, prefix: str) -> list[str]:
    """Return the values of an enum as in the facts."""
    return [name.removeprefix(prefix).lower() for name, number in enum.items() if number]
