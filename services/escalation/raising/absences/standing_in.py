"""The end of an absence: automatically after its last day, or earlier when the official is back."""

from __future__ import annotations

from datetime import datetime

from services.escalation.raising.absences import store
from services.escalation.raising.absences.models import Absence
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.events import NewEvent

END = "end"
RULE = "absence_end"


async def end(work: Work, row: Absence, at: datetime) -> Absence:
    """End an absence: the official has everything back."""
    changed = await store.end(work.connection, row, at)
    # Nobody missed a deadline: its clock stops at the last second, not after it.
    await clocks.stop(work.connection, row.number, END, at, work.actor)
    await work.append(NewEvent(row.number, "AbsenceEnded", row.unit))
    return changed


async def _end_by_itself(work: Work, firing: Firing) -> None:
    row = await store.get(work.connection, firing.number)
    if row.ended_at is None:
        await end(work, row, await store.due_at(work.connection, firing.clock))


CONSEQUENCES = {RULE: _end_by_itself}
"""What follows when the last day is over."""
