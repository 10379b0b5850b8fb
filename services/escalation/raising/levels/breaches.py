"""The missed deadlines that caused an escalation; if they turn out not to be missed, it is withdrawn."""

from __future__ import annotations

from casework.supervision.raising.escalation import EscalationState
from services.escalation.models import Escalation
from services.escalation.raising.levels import raising, store, timing
from services.kit.command import Work
from services.kit.storage.events import NewEvent


async def keep(work: Work, row: Escalation, breach: str) -> None:
    """Store the missed deadline that caused an escalation."""
    if breach:
        await store.keep_breach(work.connection, row, breach, work.now)


async def withdraw(work: Work, number: str, breach: str) -> list[Escalation]:
    """Withdraw the escalations of a withdrawn breach, unless another breach supports them; return them.

    The units that it was raised to and from are both notified.
    """
    escalation = await store.withdraw_breach(work.connection, number, breach, work.now)
    if added_to := await store.withdraw_reason(work.connection, number, breach, work.now):
        row = await store.get(work.connection, number, added_to)
        payload = {"escalation": row.escalation, "breach": breach}
        await work.append(NewEvent(number, "ReasonWithdrawn", row.origin, payload))
    if escalation is None or await store.has_breaches(work.connection, number, escalation):
        return []
    withdrawn = []
    for each in await store.climb(work.connection, number, escalation):
        row = await store.change(work.connection, number, each, state=EscalationState.RESOLVED, resolved_at=work.now)
        await timing.stop(work, row, met=False)
        await raising.release(work, row)
        payload = {"escalation": row.escalation, "breach": breach, "state": EscalationState.RESOLVED.name}
        # The history belongs to the unit where the escalation began: the last event names it.
        units = dict.fromkeys((row.to_unit, *row.told, row.from_unit, row.origin))
        await work.append(*(NewEvent(number, "EscalationWithdrawn", unit, {**payload, "to": unit}) for unit in units))
        withdrawn.append(row)
    return withdrawn
