"""Counts what indicators ask for, by unit: two statements, however many indicators and peers there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from casework.supervision.figures.indicator import Indicator, Measure, Tally
from casework.supervision.figures.reporting_period import ReportingPeriod
from casework.units import UnitTree, level_of, parent_code, prefix
from services.escalation import scope
from services.escalation.figures.models import WorkClock
from services.escalation.models import CaseFact
from services.escalation.scope import Range
from services.kit.clocks.models import LIVE, ClockState
from services.kit.storage.database import Connection

_START, _BEFORE, _END, _UNTIL = (
    bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "before", "end", "until")
)
_ACTED = (*LIVE, ClockState.MET)


def _due(start: BindParameter[datetime]) -> ColumnElement[bool]:
    # Time given up before its end counts neither way; time that ended without the step counts as missed.
    return and_(
        WorkClock.due_at >= start, or_(WorkClock.state.in_(_ACTED), WorkClock.stopped_at > WorkClock.due_at)
    )  # fmt: skip


def _met(start: BindParameter[datetime]) -> ColumnElement[bool]:
    return and_(
        WorkClock.due_at >= start, WorkClock.state == ClockState.MET, WorkClock.stopped_at <= WorkClock.due_at
    )  # fmt: skip


_STEPS = (
    select(
        WorkClock.unit,
        WorkClock.rule,
        func.count().filter(_due(_START)),
        func.count().filter(_met(_START)),
        func.count().filter(WorkClock.due_at < _START, _due(_BEFORE)),
        func.count().filter(WorkClock.due_at < _START, _met(_BEFORE)),
    )
    .where(
        WorkClock.rule == any_(bindparam("rules", type_=ARRAY(Text))),
        WorkClock.due_at >= _BEFORE,
        WorkClock.due_at < _UNTIL,
        scope.within(WorkClock.unit),
    )
    .group_by(WorkClock.unit, WorkClock.rule)
)


def _times(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return cast(holds, Integer)


_PAIRS: dict[Measure, tuple[Any, Any, InstrumentedAttribute[datetime | None]]] = {
    Measure.notices_served: (CaseFact.notices_served, CaseFact.notices, CaseFact.mediation_ended_at),
    Measure.agreements_performed: (
        _times(CaseFact.performance == "DONE"), _times(CaseFact.performance != ""), CaseFact.last_closed_at
    ),
    Measure.answers_satisfied: (CaseFact.satisfied, CaseFact.answers, CaseFact.last_closed_at),
    Measure.matters_recurred: (
        _times(and_(CaseFact.visits > 0, CaseFact.recurred)), _times(CaseFact.visits > 0), CaseFact.last_closed_at
    ),
}  # fmt: skip
"""What is summed up, out of what, over the matters of which this lies in the period."""
_PERIODS = ((_START, _END), (_BEFORE, _START))
"""The period asked for, and the one before."""
_SUMS = [
    func.coalesce(func.sum(each).filter(at >= start, at < end), 0)
    for part, whole, at in _PAIRS.values()
    for start, end in _PERIODS
    for each in (part, whole)
]
_MATTERS = (
    select(CaseFact.unit, *_SUMS)
    .where(
        or_(CaseFact.last_closed_at.is_not(None), CaseFact.mediation_ended_at.is_not(None)),
        scope.within(CaseFact.unit),
    )
    .group_by(CaseFact.unit)
)

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
    steps_taken = await connection.execute(_STEPS, {**moments, **until})
    for unit, step, due, met, due_before, met_before in steps_taken:
        for rule in rules:
            if step in rule.steps:
                _add(found[rule.name], unit, Tally(met, due), Tally(met_before, due_before))
    for unit, *sums in await connection.execute(_MATTERS, moments):
        pairs = {
            measure: (Tally(*sums[place : place + 2]), Tally(*sums[place + 2 : place + 4]))
            for measure, place in zip(_PAIRS, range(0, len(sums), 4), strict=True)
        }
        for rule in rules:
            if rule.numerator in _PAIRS:
                _add(found[rule.name], unit, *pairs[rule.numerator])
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
