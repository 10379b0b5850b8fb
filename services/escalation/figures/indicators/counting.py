"""Counts what indicators ask for, by unit: two statements, however many indicators and peers there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from casework.supervision.figures.indicator import Indicator, Measure, Tally
from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.units import UnitTree, level_of, parent_code, prefix
from services.escalation.scope import Range
from services.kit.storage.database import Connection, text

_DUE = "due_at >= {start} AND (state IN (1, 2, 4) OR stopped_at > due_at)"
_MET = "due_at >= {start} AND state = 2 AND stopped_at <= due_at"
# Time given up before its end counts neither way; time that ended without the step counts as missed.
_STEPS = text(f"""
    SELECT unit, rule,
        count(*) FILTER (WHERE {_DUE.format(start=":start")}) AS due,
        count(*) FILTER (WHERE {_MET.format(start=":start")}) AS met,
        count(*) FILTER (WHERE due_at < :start AND {_DUE.format(start=":before")}) AS due_before,
        count(*) FILTER (WHERE due_at < :start AND {_MET.format(start=":before")}) AS met_before
    FROM work_clocks
    WHERE rule = ANY(CAST(:rules AS text[])) AND due_at >= :before AND due_at < :until
      AND unit >= :low AND unit < :high
    GROUP BY unit, rule
""")
_ENDED = "mediation_ended_at >= :{0} AND mediation_ended_at < :{1}"
_CLOSED = "last_closed_at >= :{0} AND last_closed_at < :{1}"
_PAIRS = {
    Measure.notices_served: ("sum(notices_served)", "sum(notices)", _ENDED),
    Measure.agreements_performed: (
        "sum((performance = 'DONE')::integer)", "sum((performance <> '')::integer)", _CLOSED
    ),
    Measure.answers_satisfied: ("sum(satisfied)", "sum(answers)", _CLOSED),
    Measure.matters_recurred: ("sum((visits > 0 AND recurred)::integer)", "sum((visits > 0)::integer)", _CLOSED),
}  # fmt: skip


def _columns() -> str:
    found = []
    for measure, (part, whole, within) in _PAIRS.items():
        for mark, bounds in (("", ("start", "end")), ("_before", ("before", "start"))):
            when = f"FILTER (WHERE {within.format(*bounds)})"
            found.append(f"coalesce({part} {when}, 0) AS {measure}{mark}")
            found.append(f"coalesce({whole} {when}, 0) AS {measure}_of{mark}")
    return ", ".join(found)


_MATTERS = text(f"""
    SELECT unit, {_columns()} FROM case_facts
    WHERE (last_closed_at IS NOT NULL OR mediation_ended_at IS NOT NULL) AND unit >= :low AND unit < :high
    GROUP BY unit
""")

Tallies = dict[str, dict[str, tuple[Tally, Tally]]]
"""By indicator and unit: the count of the period, and that of the period before."""


async def count(
    connection: Connection, rules: Sequence[Indicator], units: Range, period: ReportingPeriod, now: datetime
) -> Tallies:
    """Return what the rules count of each unit of a range, in a period and in the one before."""
    found: Tallies = {rule.name: defaultdict(lambda: (Tally(), Tally())) for rule in rules}
    steps = sorted({step for rule in rules for step in rule.steps})
    moments = {**units, "before": period.before_at, "start": period.starts_at, "end": period.ends_at}
    until = {"until": min(period.ends_at, now), "rules": steps}
    for row in await connection.execute(_STEPS, {**moments, **until}):
        for rule in rules:
            if row.rule in rule.steps:
                _add(found[rule.name], row.unit, Tally(row.met, row.due), Tally(row.met_before, row.due_before))
    for row in await connection.execute(_MATTERS, moments):
        for rule in rules:
            if rule.numerator in _PAIRS:
                _add(found[rule.name], row.unit, _pair(row, rule, ""), _pair(row, rule, "_before"))
    return found


def _add(by_unit: dict[str, tuple[Tally, Tally]], unit: str, now: Tally, before: Tally) -> None:
    had = by_unit[unit]
    by_unit[unit] = had[0] + now, had[1] + before


def _pair(row: Any, rule: Indicator, mark: str) -> Tally:
    return Tally(int(row[f"{rule.numerator}{mark}"]), int(row[f"{rule.numerator}_of{mark}"]))


def of(by_unit: dict[str, tuple[Tally, Tally]], unit: str) -> tuple[Tally, Tally]:
    """Return the counts of a unit and all below it."""
    now, before, start = Tally(), Tally(), prefix(unit)
    for code, (one, other) in by_unit.items():
        if code == unit or ("-" not in unit and code.startswith(start)):
            now, before = now + one, before + other
    return now, before


def peers(tree: UnitTree, unit: str) -> tuple[str, ...]:
    """Return the units beside a unit: of the same level under the same unit; a department's are those of its kind."""
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
    """Return the unit whose subtree holds a unit and all its peers."""
    above = parent_code(unit.partition("-")[0])
    return above or unit
