"""The clocks of a lead, and what follows from a missed monthly note or a struck-off matter."""

from __future__ import annotations

from casework import names
from casework.supervision.matters.lead import CONTACT, FIRST_LOOK, NOTE, RULES, note_due
from services.escalation import files
from services.escalation.holders import store as holders
from services.escalation.matters.special.leads import store, view
from services.escalation.matters.special.matters import store as matters
from services.escalation.matters.special.models import Lead
from services.kit import dates
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.storage.events import NewEvent

ROLE = "lead"
HAND_OVER = "hand_over"
OWN = (f"{FIRST_LOOK}-1", f"{CONTACT}-1", f"{NOTE}-%")
"""The keys of the clocks of a lead; they stay when the official changes."""


async def begin(work: Work, row: Lead) -> None:
    """Start the clocks of a newly assigned lead. The caller appends an event after it."""
    for kind in (FIRST_LOOK, CONTACT):
        await work.start_clock(
            row.number, f"{kind}-1", RULES[kind], subject=view.lead_name(row.number), unit=row.unit, at=work.now
        )
    await month(work, row, 1)


async def month(work: Work, row: Lead, index: int) -> None:
    """Start the clock of a monthly note: from the last day of the month before, however late that is noticed.

    A month that was missed while nothing ran is reported late, once, like every other rung.
    """
    assigned = dates.today(row.assigned_at)
    at = row.assigned_at if index == 1 else dates.last_second(note_due(assigned, index - 1))
    await work.start_clock(
        row.number, f"{NOTE}-{index}", RULES[NOTE], subject=view.lead_name(row.number), unit=row.unit,
        at=min(at, work.now), until=dates.last_second(note_due(assigned, index)),
    )  # fmt: skip


async def noted(work: Work, row: Lead) -> Lead:
    """Meet the notes that are due by now, or else the current month's, and return the lead's new row.

    Then the next month's is due; each missed month is still reported, late.
    """
    running = await matters.running(work.connection, row.number, f"{NOTE}-%")
    late = [each.id for each in running if each.due_at and each.due_at < work.now]
    for clock in late or [running[-1].id]:
        await work.stop(row.number, names.clock_parts(clock)[1])
    index, assigned = row.month, dates.today(row.assigned_at)
    while not late or dates.last_second(note_due(assigned, index)) < work.now:
        index += 1
        await month(work, row, index)
        late = late or [""]
    return await store.change(work.connection, row, month=index, notes=row.notes + 1)


async def struck_off(work: Work, number: str) -> None:
    """End the lead of a struck-off matter and cancel its clocks. The caller appends an event after it."""
    row = await store.find(work.connection, number)
    if row is None or row.ended_at is not None:
        return
    for keys in (*OWN, f"{HAND_OVER}-%"):
        await work.stop(number, keys, met=False)
    await store.change(work.connection, row, ended_at=work.now)
    await holders.release(work.connection, number, names.file_name(number), ROLE, work.now)


async def move_clocks(work: Work, number: str, unit: str) -> None:
    """Make the successor's unit accountable for the clocks of a lead. No date moves."""
    for keys in OWN:
        await clocks.reassign(work.connection, number, keys, unit)


def consequences() -> dict[str, Consequence]:
    """Return what follows from a missed monthly note: the next month's is due all the same."""

    async def missed(work: Work, firing: Firing) -> None:
        number = firing.number
        await files.lock(work.connection, number)
        row = await store.get(work.connection, number)
        index = firing.index
        if row.ended_at is not None or row.month != index:
            return
        await month(work, row, index + 1)
        await store.change(work.connection, row, month=index + 1)
        await work.append(NewEvent(number, "LeadNoteMissed", row.unit, {"month": index}))

    return {RULES[NOTE]: missed}
