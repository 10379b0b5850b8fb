"""Raising a matter: one step up the ladder that it was pinned to, by a clock or by a person."""

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
"""Why the workflow raises what was agreed and not performed."""
_GRADES = {0: "", 1: "low", 2: "medium", 3: "high"}
_MODES = {Mode.inform: RaisedTo.INFORM, Mode.transfer: RaisedTo.TRANSFER}


@dataclass(frozen=True, slots=True)
class Matter:
    """What is known of the matter that is raised: codes, as far as they are known here."""

    category: str
    grade: int
    about: str


def check(number: str, asked: pb.Escalation, rules: Rules) -> str:
    """Return the unit it is raised from; a field error where a unit or a category is not there, or it is no matter."""
    must_be_matter("escalation.subject", asked.subject, number)
    unit, about = names.last(asked.from_unit), names.last(asked.about_unit)
    for field, code in (("from_unit", unit), ("about_unit", about)):
        if code and code not in rules.units:
            raise field_error(f"escalation.{field}", Reason.UNKNOWN_UNIT, code)
    category = asked.category.removeprefix("categories/")
    # What a clock raises comes from the case, whose category may have left the rules since: that must not stop it.
    if asked.mode and category and category not in rules.categories:
        raise field_error("escalation.category", Reason.UNKNOWN_CATEGORY, category)
    return unit


async def below(work: Work, number: str, asked: pb.Escalation, unit: str) -> Escalation | None:
    """Return the escalation that climbs, whose level let it lie in turn; None where a climb begins."""
    parent, _, last = asked.subject.rpartition("/escalations/")
    if parent == names.file_name(number) and last.isdigit():
        row = await store.find(work.connection, number, int(last), lock=True)
        return row if row is not None and row.to_unit == unit else None
    if not of_a_clock(asked):
        return None
    # A time of the matter itself that the unit missed to which it had been raised: that one let it lie in turn.
    for row in await store.live(work.connection, number):
        if row.to_unit == unit != row.from_unit and row.state in WITH_THE_LEVEL:
            return row
    return None


def of_a_clock(asked: pb.Escalation) -> bool:
    """Return whether it is raised because a time was missed, not because a person wants it."""
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
    """Return the open escalation that has the matter where a missed time would take it, or above; None where none has.

    A matter has one escalation a level: nobody above is told twice of what he has on his desk.
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
    """Return whether an escalation has its matter at a place, or has taken it past there."""
    if row.to_unit != place.unit:
        return row.to_unit in units.path(place.unit)
    if row.office or place.office:
        # Further along the line inside the unit, or out of it.
        keys = [office.key for office in ladder.line(place.unit)]
        return row.office == place.office or not place.office or _beyond(keys, row.office, place.office)
    takes = ladder.step(place.unit).mode is Mode.transfer
    return row.mode is RaisedTo.TRANSFER or not takes


def _beyond(keys: Sequence[str], one: str, other: str) -> bool:
    """Return whether one office comes after another in a line."""
    return one in keys and other in keys and keys.index(one) > keys.index(other)


async def add_reason(work: Work, row: Escalation, asked: pb.Escalation, climbs: Escalation | None) -> Escalation:
    """Add what was missed to the escalation that has the matter, and return its row."""
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
    """Return what is known of the matter: as it is told, as it was told before, as the cases say."""
    category = asked.category.removeprefix("categories/")
    grade, about = int(asked.grade), names.last(asked.about_unit)
    if climbs is not None:
        return Matter(category or climbs.category, grade or climbs.grade, about or climbs.about)
    if (known := await store.facts(work.connection, number)) is not None:
        category, grade, about = category or known.category, grade or known.grade, about or known.about
    return Matter(category, grade, about)


async def ladder_of(work: Work, book: LadderBook, climbs: Escalation | None, matter: Matter, unit: str) -> Ladder:
    """Return the ladder it follows: the one it began with, or for a new climb the one that fits it best now."""
    if climbs is not None and climbs.ladder:
        return await pins.get(work.connection, climbs.ladder)
    return chosen(work, book, matter, unit)


def chosen(work: Work, book: LadderBook, matter: Matter, unit: str) -> Ladder:
    """Return the ladder that fits a matter best today."""
    return book.choose(matter.category, _GRADES[matter.grade], unit, work.now.astimezone(LOCAL).date())


async def pinned(work: Work, book: LadderBook, row: Escalation) -> str:
    """Return the ladder an escalation is pinned to; one that is older than the ladders is pinned now."""
    matter = Matter(row.category, row.grade, row.about)
    return row.ladder or await pins.keep(work.connection, chosen(work, book, matter, row.from_unit))


def place_of(
    asked: pb.Escalation, ladder: Ladder, climbs: Escalation | None, unit: str, units: UnitTree
) -> Place | None:
    """Return where it goes: the next place of the ladder, or the one that a person wants; None above the top."""
    if asked.office:
        if ladder.office(asked.office) not in ladder.line(unit):
            raise field_error("escalation.office", Reason.INVALID_FIELD, asked.office)
        return Place(unit, asked.office)
    if climbs is not None:
        return ladder.after(Place(unit, climbs.office), units)
    if asked.mode:
        # A person who raises it means the unit above, and need not ask every office of the own one.
        above = units.parent(unit)
        return None if above is None or above == ROOT else Place(above)
    return ladder.after(Place(unit), units)


async def raise_to(
    work: Work, number: str, asked: pb.Escalation, place: Place, *, ladder: Ladder, climbs: Escalation | None,
    matter: Matter, units: UnitTree, sealed: bytes | None,
) -> Escalation:  # fmt: skip
    """Store the escalation with its clocks, tell whoever is told, and return its row."""
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

    Its history is of the unit in which the climb began: that unit reads it, and so does every level above. A transfer
    changes who is accountable: the workflow carries it to the case.
    """
    payload = {
        "escalation": row.escalation, "mode": row.mode.name, "from": row.from_unit, "to": row.to_unit,
        "reason": row.reason, "subject": row.subject, "ladder": row.ladder_name, "ladder_version": row.ladder_version,
        "office": row.office, "told": list(row.told), "climbed_from": row.climbed_from,
    }  # fmt: skip
    return NewEvent(row.number, "EscalationRaised", row.origin, payload, wakes=row.mode is RaisedTo.TRANSFER)


def told_of(row: Escalation) -> list[NewEvent]:
    """Return an event for each unit beside the way that is told; the last event says whose history it is."""
    payload = {"escalation": row.escalation}
    return [NewEvent(row.number, "EscalationTold", unit, {**payload, "to": unit}) for unit in row.told]


async def let_climb(work: Work, row: Escalation) -> None:
    """Let an escalation go on to the next level: its own time is over, and nobody of the unit holds it any more."""
    await store.change(work.connection, row.number, row.escalation, state=EscalationState.CLIMBED)
    await timing.stop(work, row, met=False)
    await release(work, row)


async def stand_at_top(work: Work, climbs: Escalation | None) -> Escalation:
    """Let an escalation stand at the top: nobody is above, and its clock calls it to mind until it is dealt with.

    TOP_LEVEL where there is no escalation to stand there.
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
    """Let whoever held an escalation hold it no longer."""
    await holders.release(work.connection, row.number, view.name_of(row), ROLE, work.now)


async def settle(work: Work, number: str, reason: str) -> Sequence[Escalation]:
    """Settle what is open of a case or file that is over, and return those escalations: nobody is to act any more."""
    settled = await store.settle(work.connection, number, work.now)
    for row in settled:
        await timing.stop(work, row, met=False)
        await release(work, row)
        payload = {"escalation": row.escalation, "state": EscalationState.RESOLVED.name, "reason": reason}
        await work.append(NewEvent(number, "EscalationSettled", row.origin, payload))
    return settled
