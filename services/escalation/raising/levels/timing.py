"""The clocks of an escalation, and what follows when one of them is missed without anybody above to ask."""

from __future__ import annotations

from casework.names import index_of
from casework.supervision.raising.escalation import EscalationState
from casework.supervision.raising.ladder import Ladder
from services.escalation.models import Escalation
from services.escalation.raising.levels import pins, store, view
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.events import NewEvent

ACKNOWLEDGE, RESOLVE, WATCH, TOP, OVERDUE = "acknowledge", "resolve", "watch", "top", "overdue"
ROUNDS = 6
"""How often what stands at the top is called to mind."""
_ALL = (ACKNOWLEDGE, RESOLVE, WATCH, TOP, OVERDUE)


def key(step: str, row: Escalation, times: int = 1) -> str:
    """Return the key of a clock of an escalation: `resolve-2`; `resolve_3-2` when it is started the third time."""
    return f"{step}-{row.escalation}" if times == 1 else f"{step}_{times}-{row.escalation}"


async def start(work: Work, row: Escalation, ladder: Ladder) -> None:
    """Start the time to see it and to deal with it, as the ladder has it for where it stands."""
    if office := ladder.office(row.office):
        limits = {RESOLVE: office.limit}
    else:
        step = ladder.step(row.to_unit)
        limits = {ACKNOWLEDGE: step.acknowledge, RESOLVE: step.resolve}
    for name, limit in limits.items():
        await _start(work, row, key(name, row, row.returns + 1), limit)


async def watch(work: Work, row: Escalation) -> None:
    """Let the level above watch what it handed back."""
    await _start(work, row, key(WATCH, row, row.returns), "watch_returned")


async def remind(work: Work, row: Escalation, times: int) -> None:
    """Call to mind what stands at the top, once more."""
    await _start(work, row, key(TOP, row, times), "top_reminder")


async def stop(work: Work, row: Escalation, *steps: str, met: bool = True) -> None:
    """Stop the clocks of an escalation: those of these steps, or all. What had come due is told first."""
    for step in steps or _ALL:
        await work.stop(row.number, f"{step}%-{row.escalation}", met=met)


async def take_up_again(work: Work, firing: Firing) -> None:
    """Let the level above have it again: what it handed back was not dealt with in time."""
    row = await _row(work, firing)
    if row.state is not EscalationState.RETURNED:
        return
    row = await store.change(
        work.connection, row.number, row.escalation, state=EscalationState.RAISED, acknowledged_at=None
    )
    await stop(work, row, WATCH, met=False)
    assert row.ladder is not None, "it was pinned when it was handed back"
    await start(work, row, await pins.get(work.connection, row.ladder))
    payload = {"escalation": row.escalation, "state": EscalationState.RAISED.name, "mode": row.mode.name}
    await work.append(NewEvent(row.number, "EscalationTakenUpAgain", row.origin, payload, wakes=True))


async def remind_again(work: Work, firing: Firing) -> None:
    """Begin the next round of calling to mind: as long as the matter is not dealt with, but not without end.

    After the last round it stands in the worklist and the digest of the top all the same.
    """
    row = await _row(work, firing)
    if row.state is not EscalationState.TOP:
        return
    round_ = firing.key.partition("-")[0].partition("_")[2]
    times = int(round_ or 1) + 1
    await stop(work, row, TOP, met=False)
    if times <= ROUNDS:
        await remind(work, row, times)
    payload = {"escalation": row.escalation, "times": times - 1}
    await work.append(NewEvent(row.number, "EscalationCalledToMind", row.origin, payload))


CONSEQUENCES = {"watch_returned": take_up_again, "top_reminder": remind_again}
"""What follows from a missed deadline, by its rule, in the transaction in which that is told."""


async def _row(work: Work, firing: Firing) -> Escalation:
    return await store.get(work.connection, firing.number, index_of(firing.subject, "escalations"), lock=True)


async def _start(work: Work, row: Escalation, clock: str, rule: str) -> None:
    await work.start_clock(row.number, clock, rule, subject=view.name_of(row), unit=row.to_unit, at=work.now)
