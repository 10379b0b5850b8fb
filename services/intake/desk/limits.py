"""The limit for accepting a report, computed again after a correction."""

from __future__ import annotations

from datetime import datetime

from casework import names
from casework.clocks.ledger import Met
from casework.door.triage import Acceptance
from services.intake import store
from services.intake.models import Report
from services.intake.reception import ACCEPT
from services.kit.clocks import clocks, ledger
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Work


async def anew(work: Work, row: Report, acceptance: Acceptance, received_at: datetime | None = None) -> NewClock | None:
    """Start the limit that applies now, and return it; None if the running one stays.

    Another limit, if longer, runs from the receipt; if shorter, from now, when it is known, and never ends later than
    what was promised before. `received_at` is a corrected receipt, from which the limit runs, missed or not; a breach
    of an end that was too early is withdrawn.
    """
    running = await store.acceptance_clock(work.connection, row.number, f"{ACCEPT}%")
    moved = received_at is not None and received_at != row.received_at
    if running is None or (running.rule == acceptance.limit and not moved):
        return None
    start, key = received_at or row.received_at, f"{ACCEPT}-{row.version + 1}"
    subject = names.report_name(row.number)
    promised = row.due_at
    if moved:
        promised = work.clockwork.new(row.number, key, running.rule, subject=subject, unit=row.unit, at=start).due_at
    clock = work.clockwork.instead(
        row.number, key, acceptance.limit, subject=subject, unit=row.unit, at=start, now=work.now, promised=promised
    )
    if moved and row.due_at is not None and clock.due_at > row.due_at:
        work.late += await ledger.replace_clock(
            work.connection, work.clockwork, running, running.started_at, work.now, work.actor
        )
    else:
        await work.stop(row.number, f"{ACCEPT}%", met=False)
    await work.start(clock)
    return clock


async def derived(work: Work, row: Report, received_at: datetime) -> NewClock | None:
    """Derive the limit of an accepted report from its true receipt, and return it; None if it never had one here.

    It was met when the report was accepted; if that was too late, it is a missed deadline like any other.
    """
    if not row.due_clock or row.decided_at is None:
        return None
    before = await ledger.get(work.connection, row.due_clock, lock=True)
    clock = work.clockwork.new(
        row.number, f"{ACCEPT}-{row.version + 1}", before.rule, subject=before.subject, unit=before.unit, at=received_at
    )
    await clocks.start(work.connection, work.now, work.actor, clock)
    started = await ledger.get(work.connection, clock.id, lock=True)
    met = Met(seq=started.entries + 1, at=row.decided_at, recorded_at=work.now, actor=work.actor)
    change = await ledger.record(work.connection, work.clockwork, started, met, work.now, checked=False)
    later = before.due_at is not None and clock.due_at > before.due_at
    ended = before.started_at if later else before.stopped_at or row.decided_at
    withdrawn = await ledger.replace_clock(work.connection, work.clockwork, before, ended, work.now, work.actor)
    work.late += [*change.events[1:], *withdrawn]
    return clock
