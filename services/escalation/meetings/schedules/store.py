"""Statements of schedules."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from services.escalation.meetings.models import Schedule, ScheduleRun
from services.kit.storage import rows
from services.kit.storage.database import Connection

_SCHEDULE, _AT = bindparam("schedule", type_=Text), bindparam("at", type_=DateTime(timezone=True))
_BEGIN = insert(Schedule).values(schedule=_SCHEDULE, began_at=_AT).on_conflict_do_nothing()
_BEGAN = select(Schedule.began_at).where(Schedule.schedule == _SCHEDULE)
_RUNS = select(ScheduleRun.period).where(ScheduleRun.schedule == _SCHEDULE)
_RUN = (
    insert(ScheduleRun)
    .values(schedule=_SCHEDULE, period=bindparam("period"), done_at=_AT)
    .on_conflict_do_nothing()
)  # fmt: skip


async def began(connection: Connection, schedule: str, now: datetime) -> datetime:
    """Return since when a schedule runs: since the first call about it."""
    await connection.execute(_BEGIN, {"schedule": schedule, "at": now})
    return rows.not_found(await connection.scalar(_BEGAN, {"schedule": schedule}), f"schedules/{schedule}")


async def runs(connection: Connection, schedule: str) -> set[str]:
    """Return the periods that were done."""
    return {period for (period,) in await connection.execute(_RUNS, {"schedule": schedule})}


async def run(connection: Connection, schedule: str, period: str, at: datetime) -> None:
    """Store a period as done; a repeat changes nothing."""
    await connection.execute(_RUN, {"schedule": schedule, "period": period, "at": at})
