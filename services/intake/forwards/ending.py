"""What ends a forward from outside, and what an open one forbids."""

from __future__ import annotations

from casework.door import forward as rules_of
from casework.door.forward import OPEN, ForwardState
from services.intake import store as reports
from services.intake.forwards import store
from services.intake.models import Forward, Report
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.storage.events import NewEvent

DECISION = "objection_decision"
ANSWER = "merge_answer"
"""Rules of the two clocks: the unit above decides, the other unit answers a proposal to merge."""


async def must_be_none(work: Work, row: Report) -> None:
    """Raise FORWARD_OPEN while another unit is asked about a report."""
    rules_of.must_be_with_nobody_else([each.state for each in await store.of(work.connection, row.number)])


async def end(work: Work, forward: Forward, state: ForwardState, **columns: object) -> Forward:
    """End a forward; a decision or an answer that was waited for is made, or needed no more."""
    changed = await store.change(work.connection, forward, state=state, ended_at=work.now, **columns)
    if forward.state is ForwardState.REFERRED:
        met = state is ForwardState.DECIDED
        await work.stop(forward.number, f"{DECISION}-{forward.forward}", met=met)
    if forward.target:
        met = state in (ForwardState.TAKEN_OVER, ForwardState.SENT_BACK)
        await work.stop(forward.number, f"{ANSWER}-{forward.forward}", met=met)
    return changed


async def lapse(work: Work, row: Report) -> None:
    """Let the open forward of a report lapse: its reporter withdrew it."""
    for forward in await store.of(work.connection, row.number):
        if forward.state in OPEN:
            await _lapse(work, row, forward)


async def _lapse(work: Work, row: Report, forward: Forward) -> None:
    await end(work, forward, ForwardState.LAPSED)
    await work.append(NewEvent(row.number, "ForwardLapsed", row.unit, {"forward": forward.forward}))


async def undo(work: Work, row: Report) -> None:
    """Note that what was taken over and merged by consent is separated again."""
    if (forward := await store.merged_by(work.connection, row.number)) is not None:
        await store.change(work.connection, forward, state=ForwardState.UNDONE)


def consequences() -> dict[str, Consequence]:
    """Return what follows when a proposal to merge is not answered in time: it lapses, and the report stays."""

    async def unanswered(work: Work, firing: Firing) -> None:
        row = await reports.lock(work.connection, firing.number)
        forward = await store.get(work.connection, firing.number, firing.index)
        if forward.state is ForwardState.ASKED:
            await _lapse(work, row, forward)

    return {ANSWER: unanswered}
