"""The course of a matter: a version for every change, and its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from casework import names
from casework.clocks.ledger import Reopened
from casework.door.triage import Grade
from casework.supervision.letters.occasion import Happening, Occasion, ends_soon
from casework.supervision.matters.matter import LOOK_BACKS, MatterLevel, MatterState
from services.escalation.holders import store as holders
from services.escalation.matters.ledger import store
from services.escalation.matters.ledger.models import MatterProgress
from services.escalation.models import Matter, MatterAssignment
from services.escalation.raising.levels import raising
from services.escalation.raising.levels.occasions import consider
from services.kit import dates
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.clocks import Firing
from services.kit.command import Work
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

LATELY = timedelta(days=90)
"""How far back similar matters of a unit are counted."""
HOLDER = "responsible"
"""The role in which an official holds a unit's part."""
TRACKED = (
    "state", "level", "keeper", "unit", "lead", "grade", "entry", "returned", "due_on", "plan_at", "progress_at",
    "struck_off_at",
)  # fmt: skip
_SHOWN = {
    "due_on": "due_date",
    "plan_at": "plan_time",
    "progress_at": "progress_time",
    "struck_off_at": "strike_off_time",
}
_GRADES = tuple(Grade)

Change = dict[str, str]


def answerable(matter: Matter) -> str:
    """Return the unit of a matter: the accountable one, or the keeping one until it is assigned."""
    return matter.unit or matter.keeper


def grade_name(matter: Matter) -> str:
    """Return a matter's grade by its name in the rules; empty before it is graded."""
    return str(_GRADES[matter.grade - 1]) if matter.grade else ""


def said(field: str, before: object, after: object) -> Change:
    """Return a change as in the history."""
    return {"field": field, "before": _told(before), "after": _told(after)}


def _told(value: object) -> str:
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def changes(before: Matter, after: Matter) -> list[Change]:
    """Return what differs between two rows of a matter, states and levels by their names."""
    found = []
    for name in TRACKED:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name == "state":
            old, new = before.state.name, after.state.name
        if name == "grade":
            old, new = grade_name(before), grade_name(after)
        found.append(said(_SHOWN.get(name, name), old, new))
    return found


async def change(
    work: Work, matter: Matter, event: str, *, reason: str = "", sealed: bytes | None = None,
    also: Sequence[Change] = (), payload: dict[str, object] | None = None, **columns: object,
) -> Matter:  # fmt: skip
    """Change a matter, store the version, append the event, and return the new row."""
    row = await _store(work, matter, event, reason, sealed, also, columns)
    told = {**(payload or {}), **({"reason": reason} if reason else {})}
    await work.append(happened(row, event, **told))
    return row


def happened(row: Matter, kind: str, **payload: object) -> NewEvent:
    """Return the event of a matter: ids and codes only."""
    told = {"state": row.state.name, "unit": answerable(row), **payload}
    return NewEvent(row.number, kind, answerable(row), told)


async def _store(
    work: Work, matter: Matter, event: str, reason: str, sealed: bytes | None, also: Sequence[Change],
    columns: dict[str, Any],
) -> Matter:  # fmt: skip
    row = await store.change(work.connection, matter, **columns)
    await store.keep_version(
        work.connection, row, event, work.now, work.call, reason=reason, changes=[*changes(matter, row), *also],
        sealed=sealed,
    )  # fmt: skip
    return row


def plan_key(entry: int) -> str:
    """Return the key of the clock of the plan; each entry in the ledger has one."""
    return "plan" if entry == 1 else f"plan-{entry}"


async def start_plan(work: Work, number: str, entry: int, keeper: str) -> date:
    """Start the clock of the plan and return its last day."""
    name = names.file_name(number)
    clock = await work.start_clock(number, plan_key(entry), "matter_plan", subject=name, unit=keeper, at=work.now)
    return dates.today(clock.due_at)


async def plan_approved(work: Work, matter: Matter) -> Matter:
    """Record that a matter's plan was approved: its clock is met. The caller appends the event.

    Returns the new row; an assigned matter is now in handling. The matter must be locked.
    """
    await work.stop(matter.number, plan_key(matter.entry))
    columns: dict[str, Any] = {"plan_at": work.now}
    if matter.state is MatterState.ASSIGNED:
        columns["state"] = MatterState.HANDLING
    return await _store(work, matter, "PlanApproved", "", None, (), columns)


async def plan_missing(work: Work, firing: Firing) -> None:
    """Consider a letter if a matter has no plan in time; the rung itself escalates it one level."""
    matter = await store.get(work.connection, names.number_of(firing.subject))
    await consider(work, Occasion(Happening.no_plan, answerable(matter), firing.subject, grade=grade_name(matter)))


async def consider_like_matters(work: Work, matter: Matter) -> None:
    """Consider a notice to a unit that gets another matter of a kind it recently got several of."""
    times = await store.like_matters(work.connection, matter, work.now - LATELY)
    name = names.file_name(matter.number)
    await consider(work, Occasion(Happening.similar_matters, matter.unit, name, times=times))


async def due_soon(work: Work, firing: Firing) -> None:
    """Consider a notice to a unit whose part of a matter is nearly due; each reminder checks again."""
    clock = await clock_ledger.get(work.connection, firing.clock)
    if clock.due_at is None or not ends_soon(clock.started_at, clock.due_at, work.now):
        return
    await consider(work, Occasion(Happening.due_soon, firing.unit, names.file_name(names.number_of(firing.subject))))


def assignment_name(row: MatterAssignment | MatterProgress) -> str:
    """Return `matters/{matter}/assignments/{assignment}`."""
    return f"{names.file_name(row.number)}/assignments/{row.assignment}"


async def start_unit(work: Work, number: str, assignment: int, unit: str, due_on: date, key: str) -> None:
    """Start the clock of a unit's part, which ends with its day."""
    subject = f"{names.file_name(number)}/assignments/{assignment}"
    until = dates.last_second(due_on)
    await work.start_clock(number, key, "matter_unit", subject=subject, unit=unit, at=work.now, until=until)


async def start_progress(work: Work, matter: Matter, unit: str) -> int:
    """Start the clock of the next progress report and end the one before. Return how many were started so far."""
    turns = matter.turns + 1
    await work.stop(matter.number, "progress-%")
    name = names.file_name(matter.number)
    await work.start_clock(matter.number, f"progress-{turns}", "matter_progress", subject=name, unit=unit, at=work.now)
    return turns


async def reopen(work: Work, matter: Matter, key: str) -> list[NewEvent]:
    """Let a unit's clock run on to its date: what met it was not enough."""
    row = await clock_ledger.get(work.connection, names.clock_id(matter.number, key), lock=True)
    if row.state != clocks.ClockState.MET:
        return []
    entry = Reopened(seq=row.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor)
    return (await clock_ledger.record(work.connection, work.clockwork, row, entry, work.now)).events


async def give(work: Work, matter: Matter, keys: str, unit: str) -> None:
    """Make another unit accountable for clocks of a matter. No date moves."""
    await clocks.reassign(work.connection, matter.number, keys, unit)


async def considered(work: Work, matter: Matter, happening: Happening) -> None:
    """Consider a letter to the accountable unit of a matter."""
    occasion = Occasion(
        happening, answerable(matter), names.file_name(matter.number), times=max(matter.returned, 1),
        grade=grade_name(matter),
    )  # fmt: skip
    await consider(work, occasion)


async def end_everything(work: Work, matter: Matter) -> None:
    """Close everything open of a matter that is struck off: parts, holders, escalations, clocks."""
    for row in await store.assignments(work.connection, matter):
        await holders.release(work.connection, matter.number, assignment_name(row), HOLDER, work.now)
    await store.end_assignments(work.connection, matter.number, work.now)
    await work.stop(matter.number, "%", met=False)
    await raising.settle(work, matter.number, "struck-off")


async def start_look_backs(work: Work, matter: Matter) -> None:
    """Plan the look-backs at a struck-off matter, each with its clock."""
    name = names.file_name(matter.number)
    for count in LOOK_BACKS:
        await work.start_clock(
            matter.number, look_back_key(matter.entry, count), f"matter_look_back_{count}",
            subject=f"{name}/lookBacks/{count}", unit=matter.keeper, at=work.now,
        )  # fmt: skip
        due_on = dates.today(work.now) + timedelta(days=count)
        await store.plan_look_back(work.connection, matter, days=count, due_on=due_on)


def look_back_key(entry: int, count: int) -> str:
    """Return the key of the clock of a look-back."""
    return f"lookback-{entry}-{count}"


def column_of(level: MatterLevel) -> str:
    """Return a level as in the column."""
    return level.name.lower()


async def units_of(connection: Connection, matter: Matter) -> tuple[str, ...]:
    """Return the units of a matter: the keeping, accountable and leading ones, and all that ever had a part."""
    found = (matter.keeper, matter.unit, matter.lead, *await store.part_units(connection, matter.number))
    return tuple(dict.fromkeys(unit for unit in found if unit))
