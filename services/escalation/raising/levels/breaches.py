"""The missed deadlines an escalation was raised for; where they turn out to be none, it is withdrawn."""

from __future__ import annotations

from typing import Any

from casework.supervision.raising.escalation import EscalationState
from services.escalation.raising.levels import raising, store, timing
from services.kit.command import Work
from services.kit.storage.database import text
from services.kit.storage.events import NewEvent

_KEEP = text("""
    INSERT INTO escalation_breaches (number, breach, escalation, raised_at)
    VALUES (:number, :breach, :escalation, :at) ON CONFLICT (number, breach) DO NOTHING
""")
_WITHDRAW = text("""
    UPDATE escalation_breaches SET withdrawn_at = :at WHERE number = :number AND breach = :breach
    AND withdrawn_at IS NULL RETURNING escalation
""")
# Of the escalations that climbed from it, a time of their own is none of the matter: another one of the matter counts.
_LEFT = text("""
    WITH RECURSIVE climb AS (
        SELECT number, escalation FROM escalations WHERE number = :number AND escalation = :escalation
        UNION ALL
        SELECT e.number, e.escalation FROM escalations e
        JOIN climb c ON e.number = c.number AND e.climbed_from = c.escalation
    )
    SELECT count(*) FROM escalation_breaches JOIN climb USING (number, escalation)
    WHERE withdrawn_at IS NULL AND (escalation = :escalation OR breach NOT LIKE 'clocks/escalation/%')
""")
_WITHDRAW_REASON = text("""
    UPDATE escalation_reasons SET withdrawn_at = :at WHERE number = :number AND breach = :breach
    AND withdrawn_at IS NULL RETURNING escalation
""")
# What climbed from it stands on the same breach.
_CLIMB = text("""
    WITH RECURSIVE climb AS (
        SELECT * FROM escalations WHERE number = :number AND escalation = :escalation
        UNION ALL
        SELECT e.* FROM escalations e JOIN climb c ON e.number = c.number AND e.climbed_from = c.escalation
    )
    SELECT escalation FROM climb WHERE state <> :resolved ORDER BY escalation
""")


async def keep(work: Work, row: Any, breach: str) -> None:
    """Remember the missed deadline that an escalation was raised for."""
    if breach:
        parameters = {"number": row.number, "breach": breach, "escalation": row.escalation, "at": work.now}
        await work.connection.execute(_KEEP, parameters)


async def withdraw(work: Work, number: str, breach: str) -> list[Any]:
    """Withdraw what a breach raised that was none, unless another one stands behind it; return those escalations.

    The unit it was raised to and the one it was raised from are both notified.
    """
    which = {"number": number, "breach": breach, "at": work.now}
    escalation = await work.connection.scalar(_WITHDRAW, which)
    if added_to := await work.connection.scalar(_WITHDRAW_REASON, which):
        row = await store.get(work.connection, number, int(added_to))
        payload = {"escalation": row.escalation, "breach": breach}
        await work.append(NewEvent(number, "ReasonWithdrawn", row.origin, payload))
    if escalation is None or await work.connection.scalar(_LEFT, {"number": number, "escalation": escalation}):
        return []
    parameters = {"number": number, "escalation": escalation, "resolved": int(EscalationState.RESOLVED)}
    withdrawn = []
    for each in await work.connection.execute(_CLIMB, parameters):
        row = await store.change(
            work.connection, number, each.escalation, state=int(EscalationState.RESOLVED), resolved_at=work.now
        )
        await timing.stop(work, row, met=False)
        await raising.release(work, row)
        payload = {"escalation": row.escalation, "breach": breach, "state": EscalationState.RESOLVED.name}
        # The history is of the unit in which the climb began: the last event says so.
        units = dict.fromkeys((row.to_unit, *row.told, row.from_unit, row.origin))
        await work.append(*(NewEvent(number, "EscalationWithdrawn", unit, {**payload, "to": unit}) for unit in units))
        withdrawn.append(row)
    return withdrawn
