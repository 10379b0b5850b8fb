"""SQL of what comes round again."""

from __future__ import annotations

from datetime import datetime

from services.kit.storage.database import Connection, text

_BEGIN = text("INSERT INTO schedules (schedule, began_at) VALUES (:schedule, :at) ON CONFLICT DO NOTHING")
_BEGAN = text("SELECT began_at FROM schedules WHERE schedule = :schedule")
_RUNS = text("SELECT period FROM schedule_runs WHERE schedule = :schedule")
_RUN = text("""
    INSERT INTO schedule_runs (schedule, period, done_at) VALUES (:schedule, :period, :at) ON CONFLICT DO NOTHING
""")


async def began(connection: Connection, schedule: str, now: datetime) -> datetime:
    """Return since when something comes round: since it was first asked about, which is now where nobody has."""
    await connection.execute(_BEGIN, {"schedule": schedule, "at": now})
    found: datetime = await connection.scalar(_BEGAN, {"schedule": schedule})
    return found


async def runs(connection: Connection, schedule: str) -> set[str]:
    """Return the periods that were done."""
    return {row.period for row in await connection.execute(_RUNS, {"schedule": schedule})}


async def run(connection: Connection, schedule: str, period: str, at: datetime) -> None:
    """Keep that a period was done; once more changes nothing."""
    await connection.execute(_RUN, {"schedule": schedule, "period": period, "at": at})
