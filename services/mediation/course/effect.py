"""Agreements taking effect: their clocks start, and a full agreement ends the mediation."""

from __future__ import annotations

from datetime import datetime

from casework import names
from casework.case import Ground
from casework.door.category import within
from casework.mediation.agreement import AgreementState, Extent, effective_at
from services.kit import dates
from services.kit.command import Work
from services.kit.storage.events import NewEvent
from services.mediation import standing
from services.mediation.agreement import store
from services.mediation.agreement.store import Loaded
from services.mediation.course import mediating, terms
from services.mediation.models.cases import Case
from services.mediation.standing import MediationState, PeopleStanding


def performance_key(agreement: int, clause: int, instalment: int) -> str:
    """Return the key of the clock of one part of a clause."""
    return f"performance-{agreement}-{clause}-{instalment}"


def confirmation_key(agreement: int) -> str:
    """Return the key of the clock of an agreement's 30 days for judicial confirmation."""
    return f"confirmation-{agreement}"


async def take_effect(work: Work, case: Case, loaded: Loaded, people: PeopleStanding) -> bool:
    """Let an agreement take effect if nothing is missing; return whether it did."""
    row, there = loaded.row, people.there
    if not loaded.bound <= set(there):
        return False  # A party named in its clauses has withdrawn: it must be drafted again.
    at = effective_at(row.form, loaded.signed, there, loaded.countersigned_at, row.seal_at)
    if at is None:
        return False
    await terms.drop_signatures(work, row.number, met=True)
    due_at = await _start_clocks(work, case, loaded, at)
    await store.change(
        work.connection, row.number, row.agreement,
        state=AgreementState.EFFECTIVE, effective_at=at, confirm_due_at=due_at,
    )  # fmt: skip
    payload = {"agreement": row.agreement, "effective_at": at}
    await work.append(NewEvent(row.number, "AgreementEffective", case.unit, payload))
    if row.extent is Extent.FULL:
        mediation = await standing.mediation(work.connection, row.number)
        assert mediation is not None, "what was agreed was mediated"
        await mediating.end(work, case, mediation, MediationState.AGREED, Ground.AGREED, "MediationEnded")
    return True


async def _start_clocks(work: Work, case: Case, loaded: Loaded, at: datetime) -> datetime:
    """Start the 30-day clock, and one for each part with a due date; return when the 30 days end."""
    row = loaded.row
    subject = names.agreement_name(row.number, row.agreement)
    confirmation = await work.start_clock(
        row.number, confirmation_key(row.agreement), "judicial_confirmation", subject=subject, unit=case.unit, at=at
    )
    if within("labour", case.category):
        await work.start_clock(
            row.number, f"agreement_review-{row.agreement}", "labour_agreement_review", subject=subject,
            unit=case.unit, at=at,
        )  # fmt: skip
    for part in loaded.parts:
        if part.due_on is None:
            continue
        ids = (part.agreement, part.clause, part.instalment)
        clock = await work.start_clock(
            row.number, performance_key(*ids), "performance", subject=names.instalment_name(row.number, *ids),
            unit=case.unit, at=at, until=dates.last_second(part.due_on),
        )  # fmt: skip
        await store.set_due(work.connection, part, clock.due_at)
    return confirmation.due_at
