"""Statements of indicators: two, however many indicators and peers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from casework.supervision.figures.indicator import Measure
from services.escalation.figures.models import WorkClock
from services.escalation.models import CaseFact
from services.escalation.store import within
from services.kit.clocks.models import LIVE, ClockState
from services.kit.storage.database import Connection

_START, _BEFORE, _END, _UNTIL = (
    bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "before", "end", "until")
)
_ACTED = (*LIVE, ClockState.MET)


def _due(start: BindParameter[datetime]) -> ColumnElement[bool]:
    # A clock cancelled before its end is not counted; one that ended without the step counts as missed.
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
        within(WorkClock.unit),
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
"""Part and whole that are summed up, over the matters with this time in the period."""
_PERIODS = ((_START, _END), (_BEFORE, _START))
"""The requested period, and the one before."""
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
        within(CaseFact.unit),
    )
    .group_by(CaseFact.unit)
)


async def steps(connection: Connection, moments: Mapping[str, object]) -> Sequence[tuple[str, str, int, int, int, int]]:
    """Return, by unit and rule, how many steps were due and met in the period, and in the one before."""
    return await connection.execute(_STEPS, moments)


async def matters(
    connection: Connection, moments: Mapping[str, object]
) -> list[tuple[str, dict[Measure, list[int]]]]:  # fmt: skip
    """Return for each unit, by measure, part and whole of the period and of the one before."""
    return [
        (unit, {measure: sums[4 * place : 4 * place + 4] for place, measure in enumerate(_PAIRS)})
        for unit, *sums in await connection.execute(_MATTERS, moments)
    ]
