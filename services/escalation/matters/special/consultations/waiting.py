"""Clocks that wait for an opinion: only where their rules list the cause, and no longer than the consultation lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from casework.clocks.ledger import Paused, Resumed
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters.consultation import CAUSE
from services.escalation.matters.special.consultations import store
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clocks import ClockState
from services.kit.clocks.clockwork import Clockwork
from services.kit.command import Work
from services.kit.storage.database import Connection, text
from services.kit.storage.events import NewEvent

_PAUSED = text("""
    SELECT c.id, p.seq FROM clocks c JOIN clock_entries p ON p.clock = c.id AND p.kind = 'paused'
    WHERE c.number = :number AND c.state = 4 AND p.data ->> 'cause' = :cause AND p.data ->> 'evidence' = :evidence
        AND NOT EXISTS (
            SELECT FROM clock_entries r WHERE r.clock = c.id AND r.kind = 'resumed'
                AND (r.data ->> 'of' IS NULL OR (r.data ->> 'of')::integer = p.seq) AND r.seq > p.seq)
    ORDER BY c.id
""")


async def pause(work: Work, clockwork: Clockwork, row: Any) -> list[NewEvent]:
    """Pause the clocks that a consultation names, in this transaction, and return the events that tell of it.

    PAUSE_CAUSE_NOT_ALLOWED names the rule that does not list the cause; CLOCK_NOT_RUNNING a clock that is not there.
    A case's own clocks are mediation's: whoever may pauses them there, with the same cause, naming the consultation.
    """
    told = []
    for index, key in enumerate(row.clocks):
        field = f"consultation.clocks[{index}]"
        try:
            clock = await clock_ledger.get(work.connection, f"{row.number}.{key}", lock=True)
        except CaseError:
            raise field_error(field, Reason.CLOCK_NOT_RUNNING, f"{key} is no clock of escalation") from None
        entry = Paused(
            seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor, cause=CAUSE,
            evidence=store.consultation_name(row),
        )  # fmt: skip
        try:
            change = await clock_ledger.record(work.connection, clockwork, clock, entry, work.now)
        except CaseError as error:
            raise field_error(field, error.reason, f"{clock.rule}: {CAUSE}") from None
        told += change.events
    return told


async def resume(work: Work, clockwork: Clockwork, row: Any) -> list[NewEvent]:
    """Let the clocks that wait for a consultation run on, and return the events that tell of it.

    One that was met meanwhile, or runs on since its pause reached its cap, is left alone.
    """
    told = []
    for waiting in await paused(work.connection, row):
        clock = await clock_ledger.get(work.connection, waiting.id, lock=True)
        if clock.state != ClockState.PAUSED:
            continue
        entry = Resumed(
            seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor, of=waiting.seq, reason=CAUSE
        )
        change = await clock_ledger.record(work.connection, clockwork, clock, entry, work.now)
        told += change.events
    return told


async def paused(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the clocks that stand still for a consultation now: rows of id and the number of the pause."""
    parameters = {"number": row.number, "cause": CAUSE, "evidence": store.consultation_name(row)}
    return await connection.execute(_PAUSED, parameters)
