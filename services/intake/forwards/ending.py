"""What ends a forward from outside, and what an open one forbids."""

from __future__ import annotations

from casework.door import forward as rules_of
from casework.door.forward import OPEN, ForwardState
from services.intake.forwards import store
from services.intake.models import Forward, Report
from services.kit.command import Work
from services.kit.storage.events import NewEvent

DECISION = "objection_decision"


async def must_be_none(work: Work, row: Report) -> None:
    """Raise FORWARD_OPEN while another unit is asked about a report."""
    rules_of.must_be_with_nobody_else([each.state for each in await store.of(work.connection, row.number)])


async def end(work: Work, forward: Forward, state: ForwardState, **columns: object) -> Forward:
    """End a forward; a decision that was waited for is made, or needed no more."""
    changed = await store.change(work.connection, forward, state=state, ended_at=work.now, **columns)
    if forward.state is ForwardState.REFERRED:
        met = state is ForwardState.DECIDED
        await work.stop(forward.number, f"{DECISION}-{forward.forward}", met=met)
    return changed


async def lapse(work: Work, row: Report) -> None:
    """Let the open forward of a report lapse: its reporter withdrew it."""
    for forward in await store.of(work.connection, row.number):
        if forward.state in OPEN:
            await end(work, forward, ForwardState.LAPSED)
            await work.append(NewEvent(row.number, "ForwardLapsed", row.unit, {"forward": forward.forward}))
