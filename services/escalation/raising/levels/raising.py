"""Escalating a case: one step up the ladder it is pinned to, by a clock or by a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pb.escalation.v1 import escalation_pb2 as pb

from casework import names
from casework.clocks.calendar import LOCAL
from casework.errors import CaseError, Reason, field_error
from casework.supervision.raising.escalation import WITH_THE_LEVEL, EscalationState, RaisedTo
from casework.supervision.raising.ladder import Ladder, LadderBook, Mode, Place, told_units
from casework.supervision.raising.subject import must_be_matter
from casework.units import ROOT, UnitTree
from services.escalation.holders import store as holders
from services.escalation.models import Escalation
from services.escalation.raising.levels import pins, store, timing, view
from services.kit.command import Work
from services.kit.rules import Rules
from services.kit.storage.events import NewEvent

ROLE = "escalation"
"""The role in which an official holds an escalation of the unit."""
DEFAULT = "default"
"""The reason by which the workflow escalates an agreement that was not performed."""
_GRADES = {0: "", 1: "low", 2: "medium", 3: "high"}
_MODES = {Mode.inform: RaisedTo.INFORM, Mode.transfer: RaisedTo.TRANSFER}


@dataclass(frozen=True, slots=True)
class Matter:
    """What is known of the escalated case: codes, as far as known here."""

    category: str
    grade: int
    about: str


def check(number: str, asked: pb.Escalation, rules: Rules) -> str:
    """Return the unit it is raised from; a field error if unit or category is unknown, or it is no case or file."""
    must_be_matter("escalation.subject", asked.subject, number)
    unit, about = names.last(asked.from_unit), names.last(asked.about_unit)
    for field, code in (("from_unit", unit), ("about_unit", about)):
        if code and code not in rules.units:
            raise field_error(f"escalation.{field}", Reason.UNKNOWN_UNIT, code)
    category = asked.category.removeprefix("categories/")
    # A clock's escalation takes the category from the case; it may no longer be in the rules, which must not stop it.
    if asked.mode and category and category not in rules.categories:
        raise field_error("escalation.category", Reason.UNKNOWN_CATEGORY, category)
    return unit


async def below(work: Work, number: str, asked: pb.Escalation, unit: str) -> Escalation | None:
    """Return the escalation to continue, because its level neglected it too; None for a new one."""
    parent, _, last = asked.subject.rpartition("/escalations/")
    if parent == names.file_name(number) and last.isdigit():
        row = await store.find(work.connection, number, int(last), lock=True)
        return row if row is not None and row.to_unit == unit else None
    if not of_a_clock(asked):
        return None
    # A missed deadline of the case itself, by the unit it had been raised to: that unit neglected it too.
    for row in await store.live(work.connection, number):
        if row.to_unit == unit != row.from_unit and row.state in WITH_THE_LEVEL:
            return row
    return None


def of_a_clock(asked: pb.Escalation) -> bool:
    """Return whether it is raised because of a missed deadline, not by a person."""
    return not asked.mode or asked.reason == DEFAULT


async def standing(
    work: Work,
    number: str,
    asked: pb.Escalation,
    climbs: Escalation | None,
    place: Place | None,
    ladder: Ladder,
    units: UnitTree,
) -> Escalation | None:  # fmt: skip
    """Return the open escalation that is already at the level a missed deadline would reach, or above; None if none.

    A case has one escalation per level: no unit is notified twice of what it already has.
    """
    if not of_a_clock(asked):
        return None
    for row in await store.live(work.connection, number):
        if climbs is not None and row.escalation == climbs.escalation:
            continue
        if place is not None and _has(row, place, ladder, units):
            return row
    over = climbs is not None and climbs.state not in WITH_THE_LEVEL
    return climbs if over else None


def _has(row: Escalation, place: Place, ladder: Ladder, units: UnitTree) -> bool:
    """Return whether an escalation is at a level, or has passed it."""
    if row.to_unit != place.unit:
        return row.to_unit in units.path(place.unit)
    if row.office or place.office:
        # Later in the line of offices of the unit, or outside the unit.
        keys = [office.key for office in ladder.line(place.unit)]
        return row.office == place.office or not place.office or _beyond(keys, row.office, place.office)
    takes = ladder.step(place.unit).mode is Mode.transfer
    return row.mode is RaisedTo.TRANSFER or not takes


def _beyond(keys: Sequence[str], one: str, other: str) -> bool:
    """Return whether one office comes after another in a line."""
    return one in keys and other in keys and keys.index(one) > keys.index(other)


async def add_reason(work: Work, row: Escalation, asked: pb.Escalation, climbs: Escalation | None) -> Escalation:
    """Add what was missed to the existing escalation, and return its row."""
    if climbs is not None and climbs.escalation != row.escalation and climbs.state in WITH_THE_LEVEL:
        await let_climb(work, climbs)
    unit, subject = names.last(asked.from_unit), asked.subject or names.file_name(row.number)
    row = await store.add_reason(
        work.connection,
        row,
        reason=asked.reason,
        subject=subject,
        from_unit=unit,
        added_at=work.now,
        breach=asked.breach,
    )
    payload = {"escalation": row.escalation, "reason": asked.reason, "subject": subject, "from": unit}
    await work.append(NewEvent(row.number, "ReasonAdded", row.origin, payload))
    return row


async def matter_of(work: Work, number: str, asked: pb.Escalation, climbs: Escalation | None) -> Matter:
    """Return what is known of the case: from this request, from earlier ones, from the standings."""
    category = asked.category.removeprefix("categories/")
    grade, about = int(asked.grade), names.last(asked.about_unit)
    if climbs is not None:
        return Matter(category or climbs.category, grade or climbs.grade, about or climbs.about)
    if (known := await store.facts(work.connection, number)) is not None:
        category, grade, about = category or known.category, grade or known.grade, about or known.about
    return Matter(category, grade, about)


async def ladder_of(work: Work, book: LadderBook, climbs: Escalation | None, matter: Matter, unit: str) -> Ladder:
    """Return the ladder it follows: the one it began with, or for a new escalation the best match now."""
    if climbs is not None and climbs.ladder:
        return await pins.get(work.connection, climbs.ladder)
    return chosen(work, book, matter, unit)


def chosen(work: Work, book: LadderBook, matter: Matter, unit: str) -> Ladder:
    """Return the ladder that matches a case best today."""
    return book.choose(matter.category, _GRADES[matter.grade], unit, work.now.astimezone(LOCAL).date())


async def pinned(work: Work, book: LadderBook, row: Escalation) -> str:
    """Return the ladder an escalation is pinned to; one from before the ladders is pinned now."""
    matter = Matter(row.category, row.grade, row.about)
    return row.ladder or await pins.keep(work.connection, chosen(work, book, matter, row.from_unit))


def place_of(
    asked: pb.Escalation, ladder: Ladder, climbs: Escalation | None, unit: str, units: UnitTree
) -> Place | None:
    """Return its target: the next step of the ladder, or the one that a person chose; None above the top."""
    if asked.office:
        if ladder.office(asked.office) not in ladder.line(unit):
            raise field_error("escalation.office", Reason.INVALID_FIELD, asked.office)
        return Place(unit, asked.office)
    if climbs is not None:
        return ladder.after(Place(unit, climbs.office), units)
    if asked.mode:
        # A person who escalates it means the unit above, without passing every office of the own unit.
        above = units.parent(unit)
        return None if above is None or above == ROOT else Place(above)
    return ladder.after(Place(unit), units)


async def raise_to(
    work: Work, number: str, asked: pb.Escalation, place: Place, *, ladder: Ladder, climbs: Escalation | None,
    matter: Matter, units: UnitTree, sealed: bytes | None,
) -> Escalation:  # fmt: skip
    """Store the escalation with its clocks, notify the units concerned, and return its row."""
    unit = names.last(asked.from_unit)
    origin = climbs.origin if climbs is not None else unit
    step = None if place.office else ladder.step(place.unit)
    told = told_units(step, place, origin, matter.about, units) if step else ()
    mode = RaisedTo.INFORM if step is None else RaisedTo(asked.mode or _MODES[step.mode])
    row = await store.add(
        work.connection, number, mode=mode, from_unit=unit, to_unit=place.unit,
        reason=asked.reason, subject=asked.subject or names.file_name(number), created_at=work.now,
        ladder=await pins.keep(work.connection, ladder), ladder_name=ladder.name, ladder_version=ladder.version,
        office=place.office, origin=origin, climbed_from=climbs.escalation if climbs is not None else 0,
        category=matter.category, grade=matter.grade, about=matter.about, told=list(told), sealed_explanation=sealed,
    )  # fmt: skip
    if climbs is not None and climbs.state in WITH_THE_LEVEL:
        await let_climb(work, climbs)
    await timing.start(work, row, ladder)
    await work.append(*told_of(row), raised(row))
    return row


def raised(row: Escalation) -> NewEvent:
    """Return the event of an escalation that was raised.

    Its history belongs to the unit where the escalation began: that unit and every level above read it. A transfer
    changes the accountable unit: the workflow passes it on to the case.
    """
    payload = {
        "escalation": row.escalation, "mode": row.mode.name, "from": row.from_unit, "to": row.to_unit,
        "reason": row.reason, "subject": row.subject, "ladder": row.ladder_name, "ladder_version": row.ladder_version,
        "office": row.office, "told": list(row.told), "climbed_from": row.climbed_from,
    }  # fmt: skip
    return NewEvent(row.number, "EscalationRaised", row.origin, payload, wakes=row.mode is RaisedTo.TRANSFER)


def told_of(row: Escalation) -> list[NewEvent]:
    """Return an event for each other unit to notify; the last event names the owner of the history."""
    payload = {"escalation": row.escalation}
    return [NewEvent(row.number, "EscalationTold", unit, {**payload, "to": unit}) for unit in row.told]


async def let_climb(work: Work, row: Escalation) -> None:
    """Let an escalation continue to the next level: its clocks end, and its holder is released."""
    await store.change(work.connection, row.number, row.escalation, state=EscalationState.CLIMBED)
    await timing.stop(work, row, met=False)
    await release(work, row)


async def stand_at_top(work: Work, climbs: Escalation | None) -> Escalation:
    """Keep an escalation at the top level: a clock issues reminders until it is resolved.

    TOP_LEVEL if there is no escalation to keep there.
    """
    if climbs is None:
        raise CaseError(Reason.TOP_LEVEL)
    if climbs.state not in WITH_THE_LEVEL:
        return climbs
    row = await store.change(work.connection, climbs.number, climbs.escalation, state=EscalationState.TOP)
    await timing.stop(work, row, met=False)
    await timing.remind(work, row, 1)
    await work.append(NewEvent(row.number, "EscalationAtTop", row.origin, {"escalation": row.escalation}))
    return row


async def release(work: Work, row: Escalation) -> None:
    """Release the holder of an escalation."""
    await holders.release(work.connection, row.number, view.name_of(row), ROLE, work.now)


async def settle(work: Work, number: str, reason: str) -> Sequence[Escalation]:
    """Settle the open escalations of a case or file that is over, and return them: nothing remains to be done."""
    settled = await store.settle(work.connection, number, work.now)
    for row in settled:
        await timing.stop(work, row, met=False)
        await release(work, row)
        payload = {"escalation": row.escalation, "state": EscalationState.RESOLVED.name, "reason": reason}
        await work.append(NewEvent(number, "EscalationSettled", row.origin, payload))
    return settled
