"""Counts for indicators, by unit: two statements, however many indicators and peers there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from casework.supervision.figures.indicator import Indicator, Tally
from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.units import UnitTree, level_of, parent_code, prefix
from services.escalation.figures.indicators import store
from services.escalation.scope import Range
from services.kit.storage.database import Connection

Tallies = dict[str, dict[str, tuple[Tally, Tally]]]
"""By indicator and unit: the counts of the period and of the period before."""


async def count(
    connection: Connection, rules: Sequence[Indicator], units: Range, period: ReportingPeriod, now: datetime
) -> Tallies:
    """Return the counts of the rules for each unit of a range, in a period and in the one before."""
    found: Tallies = {rule.name: defaultdict(lambda: (Tally(), Tally())) for rule in rules}
    steps = sorted({step for rule in rules for step in rule.steps})
    moments = {**units, "before": period.before_at, "start": period.starts_at, "end": period.ends_at}
    until = {"until": min(period.ends_at, now), "rules": steps}
    for unit, step, due, met, due_before, met_before in await store.steps(connection, {**moments, **until}):
        for rule in rules:
            if step in rule.steps:
                _add(found[rule.name], unit, Tally(met, due), Tally(met_before, due_before))
    for unit, sums in await store.matters(connection, moments):
        for rule in rules:
            if rule.numerator in sums:
                part, whole, part_before, whole_before = sums[rule.numerator]
                _add(found[rule.name], unit, Tally(part, whole), Tally(part_before, whole_before))
    return found


def _add(by_unit: dict[str, tuple[Tally, Tally]], unit: str, now: Tally, before: Tally) -> None:
    had = by_unit[unit]
    by_unit[unit] = had[0] + now, had[1] + before


def of(by_unit: dict[str, tuple[Tally, Tally]], unit: str) -> tuple[Tally, Tally]:
    """Return the counts of a unit and all below it."""
    now, before, start = Tally(), Tally(), prefix(unit)
    for code, (one, other) in by_unit.items():
        if code == unit or ("-" not in unit and code.startswith(start)):
            now, before = now + one, before + other
    return now, before


def peers(tree: UnitTree, unit: str) -> tuple[str, ...]:
    """Return the peers of a unit: those of the same level under the same unit; for a department, those of its kind."""
    above = parent_code(unit)
    if above is None:
        return ()
    area, _, slug = unit.partition("-")
    if slug:
        beside: Iterable[str] = (f"{other}-{slug}" for other in (*peers(tree, area), area))
        return tuple(each for each in beside if each in tree and each != unit)
    level = level_of(unit)
    return tuple(each for each in tree.children(above) if level_of(each) is level and each != unit)


def range_of_peers(unit: str) -> str:
    """Return the unit whose subtree contains a unit and all its peers."""
    above = parent_code(unit.partition("-")[0])
    return above or unit
