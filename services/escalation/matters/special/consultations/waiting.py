"""Clocks paused for an opinion: only if their rules list the cause, and no longer than the consultation lasts."""

from __future__ import annotations

from casework.clocks.ledger import Paused, Resumed
from casework.errors import CaseError, Reason, field_error
from casework.names import clock_id
from casework.supervision.matters.consultation import CAUSE
from services.escalation.matters.special.consultations import store
from services.escalation.matters.special.models import Consultation
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.models import ClockState
from services.kit.command import Work
from services.kit.storage.events import NewEvent


async def pause(work: Work, clockwork: Clockwork, row: Consultation) -> list[NewEvent]:
    """Pause the clocks that a consultation names, in this transaction, and return their events.

    PAUSE_CAUSE_NOT_ALLOWED names the rule that does not list the cause; CLOCK_NOT_RUNNING a clock that does not run. A
    case's own clocks belong to mediation: they are paused there, with the same cause and the name of the consultation.
    """
    told = []
    for index, key in enumerate(row.clocks):
        field = f"consultation.clocks[{index}]"
        try:
            clock = await clock_ledger.get(work.connection, clock_id(row.number, key), lock=True)
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


async def resume(work: Work, clockwork: Clockwork, row: Consultation) -> list[NewEvent]:
    """Resume the clocks paused for a consultation, and return their events.

    Clocks that were met meanwhile, or run again because the pause reached its maximum, are left unchanged.
    """
    told = []
    for key, pause in await store.paused(work.connection, row):
        clock = await clock_ledger.get(work.connection, key, lock=True)
        if clock.state != ClockState.PAUSED:
            continue
        entry = Resumed(
            seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor, of=pause, reason=CAUSE
        )
        change = await clock_ledger.record(work.connection, clockwork, clock, entry, work.now)
        told += change.events
    return told
