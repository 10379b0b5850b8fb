"""(idle) What matters cost that everybody lets lie, by the working days they lie: it must not grow without end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.stack import Stack
from bench.counter import Counter
from bench.measure import Figures

MATTERS = 20
SPEED = 60_000.0
"""A day in about a second and a half."""
_DAY = 86_400 / SPEED
DAYS = (30, 60, 120, 180)
"""Days of business time after which is counted."""
_COUNTS = """
    SELECT (SELECT count(*) FROM escalation.events) AS events, (SELECT count(*) FROM escalation.clocks) AS clocks,
           (SELECT count(*) FROM escalation.escalations) AS escalations,
           (SELECT count(*) FROM escalation.escalation_reasons) AS reasons,
           (SELECT count(*) FROM escalation.letters) AS letters,
           (SELECT max(count) FROM (SELECT count(*) FROM escalation.escalations GROUP BY number) AS each) AS most
"""


async def run(state: str) -> Figures:
    """Let matters lie and return what they cost."""
    settings = pace_settings(StateFolder.at(state), SPEED)
    stack = Stack(state=Path(state), port_base=0, settings=settings)
    await asyncio.to_thread(stack.start)
    people = Counter(stack)
    found: dict[str, str] = {}
    try:
        for nth in range(MATTERS):
            report = await people.file()
            if nth % 2:
                await people.accept(report)
        passed = 0
        for days in DAYS:
            await asyncio.sleep((days - passed) * _DAY)
            passed = days
            found |= _shown(days, await _counted(stack.database_url))
    finally:
        await people.close()
        await asyncio.to_thread(stack.stop)
    return Figures("idle", f"{MATTERS} matters that nobody touches, in the escalation service", found)


async def _counted(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(_COUNTS)
    finally:
        await connection.close()


def _shown(days: int, row: Any) -> dict[str, str]:
    a_matter = ", ".join(
        f"{row[name] / MATTERS:.1f} {name}" for name in ("escalations", "reasons", "events", "clocks", "letters")
    )
    return {
        f"after {days} days, a matter": a_matter,
        f"after {days} days, escalations of one at most": str(row["most"]),
    }
