"""SQL of worklists: one statement for a page, one for the counts; every part of them has an index behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any

from services.escalation.scope import Range
from services.kit.storage.database import Connection, text


class Scope(IntEnum):
    """Whose work; the numbers are those of the contract."""

    MINE = 1
    UNIT = 2
    SUBTREE = 3


class Filter(IntEnum):
    """Which work; the numbers are those of the contract."""

    ALL = 0
    NEW = 1
    DUE_TODAY = 2
    OVERDUE = 3
    WAITING = 4


_RUNS = "w.state IN (1, 4)"
_OURS = "w.unit >= :low AND w.unit < :high"
# A part of a file is held by its name; whoever holds the whole holds every part.
_HELD = """EXISTS (
    SELECT FROM holdings h WHERE h.official = :official AND h.until IS NULL AND h.number = w.number
    AND h.unit >= :low AND h.unit < :high
    AND (h.subject IN ('', w.subject) OR starts_with(w.subject, h.subject || '/')))"""
# Whom own matters wait for: another unit has the step.
_WAITS = "m.unit >= :low AND m.unit < :high AND NOT (w.unit >= :low AND w.unit < :high)"
_KEEPS = {
    Filter.ALL: "true",
    Filter.NEW: "w.started_at >= :start",
    Filter.DUE_TODAY: "w.due_at >= :now AND w.due_at < :end",
    Filter.OVERDUE: "w.due_at < :now",
    Filter.WAITING: "true",
}
_DUE = "coalesce(w.due_at, TIMESTAMPTZ '9999-01-01 00:00:00+00')"
_PAGE = f"""
    SELECT w.*, m.unit AS matter_unit, m.category, m.grade, {_DUE} AS sorts_by
    FROM work_clocks w {{join}} JOIN matter_units m ON m.number = w.number
    WHERE {_RUNS} AND {{whose}} AND {{keeps}}
      AND ({_DUE}, w.service, w.clock) > (CAST(:due AS timestamptz), :service, :clock)
    ORDER BY {_DUE}, w.service, w.clock LIMIT :limit
"""
_COUNTS = f"""
    SELECT count(*) AS total, count(*) FILTER (WHERE {_KEEPS[Filter.NEW]}) AS new,
        count(*) FILTER (WHERE {_KEEPS[Filter.DUE_TODAY]}) AS due_today,
        count(*) FILTER (WHERE {_KEEPS[Filter.OVERDUE]}) AS overdue, {{waiting}} AS waiting
    FROM work_clocks w WHERE {_RUNS} AND {{whose}}
"""
_WAITING = f"""(SELECT count(*) FROM matter_units m JOIN work_clocks w ON w.number = m.number
                WHERE {_RUNS} AND {_WAITS})"""


async def page(
    connection: Connection, scope: Scope, keeps: Filter, units: Range, times: dict[str, datetime], official: str,
    behind: tuple[datetime, str], limit: int,
) -> Sequence[Any]:  # fmt: skip
    """Return steps, overdue first, then by due time; `times` has now and where the day starts and ends."""
    waiting = keeps is Filter.WAITING
    query = _PAGE.format(
        join="" if waiting else "LEFT",
        whose=_WAITS if waiting else _HELD if scope is Scope.MINE else _OURS,
        keeps=_KEEPS[keeps],
    )
    due, key = behind
    service, _, clock = key.partition("/")
    parameters = {**units, **times, "official": official, "due": due, "service": service, "clock": clock}
    return (await connection.execute(text(query), {**parameters, "limit": limit})).all()


async def counts(connection: Connection, scope: Scope, units: Range, times: dict[str, datetime], official: str) -> Any:
    """Return the counts of the whole list, and of what own matters wait for."""
    mine = scope is Scope.MINE
    query = _COUNTS.format(whose=_HELD if mine else _OURS, waiting="0" if mine else _WAITING)
    return (await connection.execute(text(query), {**units, **times, "official": official})).one()
