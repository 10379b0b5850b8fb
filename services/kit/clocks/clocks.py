"""Clocks of a service: started and met by its commands, fired when the case's workflow asks.

The owner decides what is due; a call that comes early, late or twice fires no rung that is not due and none
that has fired before. Every rung is claimed once (`clock_rungs`) and reported by one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    DateTime,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import aliased

from casework.clocks.rule import Consequence
from casework.names import clock_id, clock_parts
from services.kit.clocks.clockwork import NewClock, region_of
from services.kit.clocks.models import LIVE, Clock, ClockEntry, ClockRung, ClockState, ClockWithdrawal
from services.kit.instants import NEVER
from services.kit.serving import telemetry
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.listing import KEPT_FROM, By, Listing, Order


def is_overdue(row: Clock, now: datetime) -> bool:
    """Return whether a clock's deadline passed before it was met; a cancelled one is never overdue."""
    return row.state != ClockState.CANCELLED and row.due_at is not None and row.due_at < (row.stopped_at or now)


@dataclass(frozen=True, slots=True)
class Firing:
    """A rung of a clock that fired."""

    clock: str
    rung: str
    kind: str
    consequence: str
    rule: str
    subject: str
    unit: str
    due_at: datetime
    fired_at: datetime

    @property
    def number(self) -> str:
        """The case or file that the clock belongs to."""
        return clock_parts(self.clock)[0]

    @property
    def key(self) -> str:
        """What the clock measures."""
        return clock_parts(self.clock)[1]

    @property
    def index(self) -> int:
        """The number of what it measures: 2 in `docking-2`."""
        return int(self.key.rpartition("-")[2])

    @property
    def late_seconds(self) -> int:
        """Whole seconds between the rung and its firing."""
        return int((self.fired_at - self.due_at).total_seconds())


COLUMNS = (
    "id", "number", "subject", "rule", "rule_version", "rule_hash", "unit", "region", "calendar", "state", "started_at",
    "raw_due_at", "due_at", "provisional", "rungs", "next_at",
)  # fmt: skip
ENTRY_COLUMNS = ("clock", "seq", "kind", "at", "recorded_at", "actor", "data")
# Parameters of several statements, each with its type.
_INSTANT = DateTime(timezone=True)
_NUMBER = bindparam("number", type_=Text)
_KEYS = bindparam("keys", type_=Text)
_UNIT = bindparam("unit", type_=Text)
_AT = bindparam("at", type_=_INSTANT)
_NOW = bindparam("now", type_=_INSTANT)

_START = (
    insert(Clock)
    .values({name: bindparam(name) for name in COLUMNS})
    .add_cte(
        insert(ClockEntry)
        .values(
            clock=bindparam("id"), seq=1, kind="started", at=bindparam("started_at"), recorded_at=bindparam("now"),
            actor=bindparam("actor"), data=bindparam("data"),
        )
        .cte("entry")
    )
)  # fmt: skip
_RUNNING = (Clock.number == _NUMBER, Clock.state.in_(LIVE))
_MATCHING = (*_RUNNING, Clock.id.like(_KEYS))
# `next_at` keeps its value: it shows which rungs had not fired.
_STOPPED = aliased(
    Clock,
    update(Clock)
    .where(*_MATCHING)
    .values(
        state=bindparam("state"), stopped_at=_AT, generation=Clock.generation + 1, entries=Clock.entries + 1
    )
    .returning(Clock)
    .cte("stopped"),
)  # fmt: skip
_STOP = select(_STOPPED).add_cte(
    insert(ClockEntry)
    .from_select(
        ENTRY_COLUMNS,
        select(
            _STOPPED.id, _STOPPED.entries, bindparam("kind", type_=Text), _AT, _AT, bindparam("actor", type_=Text),
            cast(literal("{}", Text), JSONB),
        ),
    )
    .cte("entry")
)  # fmt: skip
_MOVE_UNIT = update(Clock).where(*_MATCHING).values(unit=_UNIT, taken_by="")
_HAND_OVER = update(Clock).where(*_RUNNING, Clock.unit == bindparam("before")).values(unit=_UNIT, taken_by="")
_TAKE = update(Clock).where(*_MATCHING).values(taken_by=bindparam("official"))
_DUE = select(Clock).where(*_RUNNING, Clock.next_at <= _NOW).order_by(Clock.next_at, Clock.id).with_for_update()
_CLAIMED = select(ClockRung.rung).where(ClockRung.clock == bindparam("clock"))
_RUNGS = (
    func.unnest(
        bindparam("rungs", type_=ARRAY(Text)),
        bindparam("kinds", type_=ARRAY(Text)),
        bindparam("consequences", type_=ARRAY(Text)),
        bindparam("dues", type_=ARRAY(_INSTANT)),
    )
    .table_valued("rung", "kind", "consequence", "due_at")
    .render_derived("due")
)
_CLAIM = insert(ClockRung).from_select(
    ("clock", "rung", "number", "kind", "consequence", "due_at", "fired_at", "unit"),
    select(
        bindparam("clock", type_=Text), _RUNGS.c.rung, _NUMBER, _RUNGS.c.kind, _RUNGS.c.consequence, _RUNGS.c.due_at,
        bindparam("fired_at", type_=_INSTANT), _UNIT,
    ),
)  # fmt: skip
_AFTER = (
    update(Clock)
    .where(Clock.id == bindparam("id"))
    .values(next_at=bindparam("next_at"), state=bindparam("state"))
)  # fmt: skip
_BREACHES = (
    select(
        ClockRung.clock, ClockRung.rung, ClockRung.kind, ClockRung.consequence, Clock.rule, Clock.subject,
        ClockRung.unit, ClockRung.due_at, ClockRung.fired_at,
    )
    .join(Clock, Clock.id == ClockRung.clock)
    .where(ClockRung.number == _NUMBER, ClockRung.consequence == Consequence.escalate)
    .order_by(ClockRung.due_at, ClockRung.clock, ClockRung.rung)
)  # fmt: skip
_IS_WITHDRAWN = exists().where(ClockWithdrawal.clock == ClockRung.clock, ClockWithdrawal.rung == ClockRung.rung)
_STANDING_BREACHES, _WITHDRAWN_BREACHES = _BREACHES.where(~_IS_WITHDRAWN), _BREACHES.where(_IS_WITHDRAWN)
_NEXT = select(func.min(Clock.next_at)).where(*_RUNNING)
_FIRST = (
    select(Clock.next_at, Clock.id)
    .where(*_RUNNING, Clock.next_at.is_not(None))
    .order_by(Clock.next_at, Clock.id)
    .limit(1)
    .subquery("first")
)
_ALL = (
    select(func.coalesce(func.sum(Clock.generation), 0).label("generation"))
    .where(Clock.number == _NUMBER)
    .subquery("of_case")
)
_STANDING = select(_FIRST.c.next_at, _FIRST.c.id, _ALL.c.generation).select_from(_ALL).outerjoin(_FIRST, true())
_UNIT_OF = select(Clock.unit).where(Clock.number == _NUMBER).limit(1)
_HOW_MANY = select(func.count()).select_from(Clock).where(Clock.number == _NUMBER, Clock.id.like(_KEYS))
_FIRED = select(ClockRung.rung, ClockRung.fired_at).where(ClockRung.clock == bindparam("clock"))
_LAST = func.coalesce(Clock.due_at, NEVER)
_FILTERS = {
    "running": Clock.state.in_(LIVE),
    "overdue_by": and_(
        Clock.state != ClockState.CANCELLED,
        Clock.due_at < func.coalesce(Clock.stopped_at, bindparam("overdue_by", type_=_INSTANT)),
    ),
    "number": Clock.number == _NUMBER,
    "numbers": Clock.number == any_(bindparam("numbers", type_=ARRAY(Text))),
    "stopped_after": or_(Clock.stopped_at.is_(None), Clock.stopped_at > bindparam("stopped_after", type_=_INSTANT)),
    "rules": Clock.rule == any_(bindparam("rules", type_=ARRAY(Text))),
    "start": bindparam("start", type_=_INSTANT) <= _LAST,
    "end": bindparam("end", type_=_INSTANT) > _LAST,
    KEPT_FROM: Clock.number != all_(bindparam(KEPT_FROM, type_=ARRAY(Text))),
    # A clock that was breached and then cancelled with its case is included.
    "breached_after": Clock.id.in_(
        select(ClockRung.clock).where(
            ClockRung.consequence == Consequence.escalate, ClockRung.fired_at > bindparam("breached_after")
        )
    ),
}
LISTED = Listing(
    Clock, Clock.id, Clock.unit.like(_UNIT), Order("due_time"),
    {"due_time": By(_LAST, lambda row: row.due_at or NEVER)}, _FILTERS,
)  # fmt: skip
"""Lists of clocks of a unit pattern."""


@dataclass(frozen=True, slots=True)
class Standing:
    """When the next rung of a case's clocks is due, of which clock, and the generation of them all."""

    next_at: datetime | None
    clock: str
    generation: int


def columns_of(clock: NewClock) -> tuple[Any, ...]:
    """Return what is stored for a new clock, in the order of COLUMNS."""
    projection = clock.projection
    return (
        clock.id, clock.number, clock.subject, clock.rule.name, clock.rule.version, clock.rule_hash, clock.unit,
        region_of(clock.unit), clock.calendar, int(ClockState.RUNNING), clock.started_at, projection.raw_due,
        projection.due, projection.provisional, clock.rungs, clock.next_at,
    )  # fmt: skip


def start_entry(clock: NewClock, now: datetime, actor: str) -> tuple[Any, ...]:
    """Return the first entry of a new clock's ledger, in the order of ENTRY_COLUMNS."""
    return (clock.id, 1, "started", clock.started_at, now, actor, _start_data(clock))


def _start_data(clock: NewClock) -> str:
    data = {"until": clock.until.isoformat() if clock.until else "", "evidence": clock.evidence}
    return orjson.dumps({name: value for name, value in data.items() if value}).decode()


async def start(connection: Connection, now: datetime, actor: str, *clocks: NewClock) -> None:
    """Start clocks: each gets its row and the first entry of its ledger."""
    for clock in clocks:
        row = dict(zip(COLUMNS, columns_of(clock), strict=True))
        await connection.execute(_START, {**row, "now": now, "actor": actor, "data": _start_data(clock)})


async def stop(
    connection: Connection, number: str, keys: str, at: datetime, actor: str, *, met: bool = True
) -> list[NewEvent]:
    """Meet (or cancel) the running clocks of a case whose key matches; `keys` is a LIKE pattern such as `task-2.%`.

    Returns the events of rungs that had passed unfired, to append after the command's own: what was overdue before it
    was stopped was overdue, whether or not anybody had asked. They wake the case's workflow, which escalates them.
    """
    parameters = {
        "number": number, "keys": clock_id(number, keys), "at": at, "actor": actor,
        "state": ClockState.MET if met else ClockState.CANCELLED, "kind": "met" if met else "cancelled",
    }  # fmt: skip
    late: list[Firing] = []
    for row in await connection.execute(_STOP, parameters):
        if row.next_at is not None and row.next_at <= at:
            late += (await claim(connection, row, at, at))[0]
    late.sort(key=lambda firing: (firing.due_at, firing.clock))
    return [waking(told(number, firing), at) for firing in late]


def waking(event: NewEvent, now: datetime) -> NewEvent:
    """Return the event as one that wakes the case's workflow: a rung fired that it did not ask for."""
    return replace(event, payload={**event.payload, "next_at": now}, wakes=True)


async def reassign(connection: Connection, number: str, keys: str, unit: str) -> None:
    """Make another unit accountable for running clocks. No deadline moves."""
    await connection.execute(_MOVE_UNIT, {"number": number, "keys": clock_id(number, keys), "unit": unit})


async def hand_over(connection: Connection, number: str, before: str, unit: str) -> None:
    """Make another unit accountable for the running clocks of one unit. No deadline moves."""
    await connection.execute(_HAND_OVER, {"number": number, "before": before, "unit": unit})


async def take(connection: Connection, number: str, keys: str, official: str) -> None:
    """Note who took on what these running clocks wait for; nobody in particular if `official` is empty."""
    await connection.execute(_TAKE, {"number": number, "keys": clock_id(number, keys), "official": official})


async def standing(connection: Connection, number: str) -> Standing:
    """Return what a case's workflow needs to know of its clocks here."""
    at, clock, generation = (await connection.execute(_STANDING, {"number": number})).one()
    return Standing(at, clock or "", generation)


async def next_at(connection: Connection, number: str) -> datetime | None:
    """Return when the next rung of the case's clocks is due; None if none is left."""
    return await connection.scalar(_NEXT, {"number": number})


async def is_next(connection: Connection, clock: NewClock) -> bool:
    """Return whether a clock just started has the earliest rung of its case: its workflow must be notified then."""
    return clock.next_at is not None and await next_at(connection, clock.number) == clock.next_at


async def fire(
    connection: Connection, number: str, now: datetime, until: datetime | None = None
) -> tuple[list[Firing], list[NewEvent]]:
    """Claim every rung of the case that is due by now (or `until`, before now), oldest first.

    Return them and the events that report them.
    """
    firings: list[Firing] = []
    until = until or now
    for row in await connection.execute(_DUE, {"number": number, "now": until}):
        fired, next_at = await claim(connection, row, now, until)
        firings += fired
        # A pause that ends at its maximum has ended once that rung has fired.
        resumed = row.due_at is not None and any(firing.kind == "pause_cap" for firing in fired)
        state = ClockState.RUNNING if resumed else row.state
        await connection.execute(_AFTER, {"id": row.id, "next_at": next_at, "state": state})
    firings.sort(key=lambda firing: (firing.due_at, firing.clock))
    return firings, [told(number, firing) for firing in firings]


async def claim(
    connection: Connection, row: Clock, now: datetime, until: datetime
) -> tuple[list[Firing], datetime | None]:
    """Claim the rungs of one locked clock that are due by `until`; return them, and when the next one is."""
    claimed = {rung for (rung,) in await connection.execute(_CLAIMED, {"clock": row.id})}
    rungs = [rung for rung in read_rungs(row.rungs) if rung[0] not in claimed]
    due = [rung for rung in rungs if rung[1] <= until]
    firings = [Firing(row.id, key, kind, what, row.rule, row.subject, row.unit, at, now) for key, at, kind, what in due]
    if firings:
        await connection.execute(
            _CLAIM,
            {
                "clock": row.id,
                "number": row.number,
                "unit": row.unit,
                "fired_at": now,
                "rungs": [firing.rung for firing in firings],
                "kinds": [firing.kind for firing in firings],
                "consequences": [firing.consequence for firing in firings],
                "dues": [firing.due_at for firing in firings],
            },
        )
        for firing in firings:
            telemetry.LATE_SECONDS.labels(firing.kind).observe(firing.late_seconds)
    return firings, next((at for _, at, _, _ in rungs if at > until), None)


def read_rungs(stored: str | Sequence[Sequence[str]]) -> list[tuple[str, datetime, str, str]]:
    """Return stored rungs: key, instant, kind and consequence, in order of time."""
    rows: Sequence[Sequence[str]] = orjson.loads(stored) if isinstance(stored, str) else stored
    return [(key, datetime.fromisoformat(at), kind, consequence) for key, at, kind, consequence in rows]


_KINDS = {"warning": "ClockReminded", "overdue": "ClockOverdue", "pause_cap": "ClockPauseCapped"}


def told(number: str, firing: Firing) -> NewEvent:
    """Return the event that reports a rung that fired."""
    payload: dict[str, Any] = {
        "clock": firing.clock,
        "rule": firing.rule,
        "rung": firing.rung,
        "consequence": firing.consequence,
        "subject": firing.subject,
        "unit": firing.unit,
        "due_at": firing.due_at,
        "fired_at": firing.fired_at,
        "late_by_seconds": firing.late_seconds,
    }
    return NewEvent(number, _KINDS[firing.kind], firing.unit, payload, firing=firing)


async def breaches(connection: Connection, number: str, *, withdrawn: bool = False) -> list[Firing]:
    """Return the fired rungs that escalate a case by one level, oldest first: those in effect, or those withdrawn."""
    statement = _WITHDRAWN_BREACHES if withdrawn else _STANDING_BREACHES
    return [Firing(*row) for row in await connection.execute(statement, {"number": number})]


async def unit_of(connection: Connection, number: str) -> str | None:
    """Return a unit that is accountable for clocks of a case; None if it has none here."""
    return await connection.scalar(_UNIT_OF, {"number": number})


async def how_many(connection: Connection, number: str, keys: str) -> int:
    """Return how many clocks of a case have ever had a matching key; `keys` is a LIKE pattern."""
    return await connection.scalar(_HOW_MANY, {"number": number, "keys": clock_id(number, keys)}) or 0


async def fired(connection: Connection, clock: str) -> dict[str, datetime]:
    """Return when the rungs of a clock fired, by their keys."""
    return dict(iter(await connection.execute(_FIRED, {"clock": clock})))


_LIVE_OF = select(Clock).where(Clock.number == _NUMBER, Clock.state.in_(LIVE))


async def live(connection: Connection, number: str) -> Sequence[Clock]:
    """Return the clocks of a case that have not ended."""
    return await connection.execute(_LIVE_OF, {"number": number})
