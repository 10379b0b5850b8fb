"""Taking over: listing items, moving them, and what follows if nobody acknowledges them."""

from __future__ import annotations

from collections.abc import Iterable

from pb.escalation.v1 import handovers_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from casework.supervision.raising.handover import HandoverState
from services.escalation.holders import store as holders
from services.escalation.raising.handovers import store
from services.escalation.raising.handovers.models import Handover
from services.escalation.raising.levels import raising
from services.kit import dates
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage import paging
from services.kit.storage.events import NewEvent

CLOCK = RULE = "handover"


def by_hand(unit: str) -> str:
    """Return the role in which an official of a unit holds manually named items; each unit has its own."""
    return f"handler-{unit}"


async def list_held(work: Work, row: Handover) -> None:
    """Add everything the official holds for the unit that is not listed yet."""
    for held in await holders.held_by(work.connection, row.unit, row.official):
        await store.add(work.connection, row.number, held.subject, held.role, paging.subtree(row.unit))


async def list_by_hand(work: Work, row: Handover, items: Iterable[pb.HandoverItem]) -> None:
    """Add manually named items; the official holds them from now on, so that they have a holder until they move.

    A field error if somebody else holds one: it is not the official's to hand over.
    """
    role = by_hand(row.unit)
    for index, told in enumerate(items):
        number, subject = names.number_of(told.subject), told.subject
        holder = await holders.holder(work.connection, number, subject, role)
        if holder not in ("", row.official):
            raise field_error(f"handover.items[{index}].subject", Reason.HELD_BY_ANOTHER, subject)
        if not holder:
            await holders.assign(
                work.connection, number, subject, role, unit=row.unit, official=row.official, at=work.now
            )
        due_on = dates.read(told.due_date, f"handover.items[{index}].due_date") if told.HasField("due_date") else None
        await store.add(work.connection, row.number, subject, role, paging.subtree(row.unit), due_on)


async def complete_if_all(work: Work, row: Handover) -> Handover:
    """Move all items at once if all are acknowledged; items that came meanwhile are added first."""
    await list_held(work, row)
    if await store.open_items(work.connection, row.number):
        return await store.change(work.connection, row.number, state=row.state)
    for item in await store.items(work.connection, row.number):
        # An item that was over before has no holder, and gets none.
        if await holders.holder(work.connection, item.file, item.subject, item.role) != row.official:
            continue
        await holders.assign(
            work.connection, item.file, item.subject, item.role, unit=row.unit, official=row.successor, at=work.now
        )
        await store.moved(work.connection, item, work.now)
    await work.stop(row.number, CLOCK)
    await raising.settle(work, row.number, "handed-over")
    return await store.change(work.connection, row.number, state=HandoverState.COMPLETED, ended_at=work.now)


async def _tell_the_head(work: Work, firing: Firing) -> None:
    """Notify the head of the unit that a hand-over is overdue and its items are still the official's."""
    row = await store.get(work.connection, firing.number)
    if row.state is not HandoverState.OPEN or row.overdue:
        return
    await store.change(work.connection, row.number, overdue=True)
    await work.append(NewEvent(row.number, "HandoverNotAcknowledged", row.unit, {"office": "unit-head"}))


CONSEQUENCES = {RULE: _tell_the_head}
"""The consequences of a hand-over that is not acknowledged in time."""
