"""Statements of statistics: matters received, counted by one property."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from sqlalchemy import ColumnElement, DateTime, Select, bindparam, case, func, select

from casework.door.triage import Grade
from services.escalation.models import CaseFact
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.storage.database import Connection


class By(IntEnum):
    """The property that is counted by; the numbers are those of the contract."""

    CATEGORY = 1
    DOOR = 2
    STAGE = 3
    MONTH = 4
    GRADE = 5
    OUTCOME = 6
    PERFORMANCE = 7


_KEYS: dict[By, ColumnElement[str]] = {
    By.CATEGORY: func.split_part(CaseFact.category, "/", 1),
    By.DOOR: CaseFact.door.expression,
    By.STAGE: func.lower(case((CaseFact.stage != "", CaseFact.stage), else_=CaseFact.state)),
    By.MONTH: func.to_char(func.timezone("Asia/Shanghai", CaseFact.received_at), "YYYY-MM"),
    By.GRADE: case(*((CaseFact.grade == number, each.value) for number, each in enumerate(Grade, 1)), else_=""),
    By.OUTCOME: func.lower(CaseFact.mediation),
    By.PERFORMANCE: func.lower(CaseFact.performance),
}


def _counted(key: ColumnElement[str]) -> Select[str, int]:
    start, end = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "end"))
    return (
        select(key, func.count())
        .where(
            within(CaseFact.unit),
            CaseFact.received_at >= start,
            CaseFact.received_at < end,
            # A report that was merged into another is the same matter: it is counted once.
            CaseFact.state != "MERGED",
        )
        .group_by(key)
        .order_by(key)
    )


_COUNTS = {by: _counted(key) for by, key in _KEYS.items()}


async def counts(
    connection: Connection, units: Range, start: datetime, end: datetime, by: By
) -> Sequence[tuple[str, int]]:
    """Return the counts by key, in order of key."""
    return await connection.execute(_COUNTS[by], {**units, "start": start, "end": end})
