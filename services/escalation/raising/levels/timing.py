"""The clocks of an escalation, and what follows from a missed one at the top level."""

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
"""How many reminders there are at the top level."""
_ALL = (ACKNOWLEDGE, RESOLVE, WATCH, TOP, OVERDUE)


def key(step: str, row: Escalation, times: int = 1) -> str:
    """Return the key of a clock of an escalation: `resolve-2`; `resolve_3-2` when it is started the third time."""
    return f"{step}-{row.escalation}" if times == 1 else f"{step}_{times}-{row.escalation}"


async def start(work: Work, row: Escalation, ladder: Ladder) -> None:
    """Start the clocks to acknowledge and to resolve it, as the ladder says for its level."""
    if office := ladder.office(row.office):
        limits = {RESOLVE: office.limit}
    else:
        step = ladder.step(row.to_unit)
        limits = {ACKNOWLEDGE: step.acknowledge, RESOLVE: step.resolve}
    for name, limit in limits.items():
        await _start(work, row, key(name, row, row.returns + 1), limit)


async def watch(work: Work, row: Escalation) -> None:
    """Start the clock by which the level above monitors a returned case."""
    await _start(work, row, key(WATCH, row, row.returns), "watch_returned")


async def remind(work: Work, row: Escalation, times: int) -> None:
    """Start the clock of the next reminder at the top level."""
    await _start(work, row, key(TOP, row, times), "top_reminder")


async def stop(work: Work, row: Escalation, *steps: str, met: bool = True) -> None:
    """Stop the clocks of an escalation: those of these steps, or all. Due rungs are reported first."""
    for step in steps or _ALL:
        await work.stop(row.number, f"{step}%-{row.escalation}", met=met)


async def take_up_again(work: Work, firing: Firing) -> None:
    """Take it back to the level above: the returned case was not resolved in time."""
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
    """Start the next reminder while the case is not resolved, up to a maximum.

    After the last one it stays in the worklist and the digest of the top level.
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
"""The consequences of missed deadlines, by rule, in the transaction that reports them."""


async def _row(work: Work, firing: Firing) -> Escalation:
    return await store.get(work.connection, firing.number, index_of(firing.subject, "escalations"), lock=True)


async def _start(work: Work, row: Escalation, clock: str, rule: str) -> None:
    await work.start_clock(row.number, clock, rule, subject=view.name_of(row), unit=row.to_unit, at=work.now)
