"""Clocks of a service: started and met by its commands, fired when the case's workflow asks.

The owner decides what is due; a call that comes early, late or twice fires nothing that has not come due and nothing
that was fired before. Every rung is claimed once (`clock_rungs`) and told by one event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from services.kit.clocks.clockwork import NewClock, region_of, rule_hash
from services.kit.clocks.models import ClockState
from services.kit.serving import telemetry
from services.kit.storage.database import Connection, text
from services.kit.storage.events import NewEvent

OVERDUE = f"(state <> {ClockState.CANCELLED} AND due_at < coalesce(stopped_at, CAST(:now AS timestamptz)))"
"""Which clocks are overdue, of a table of clocks and `:now`; `is_overdue` says the same of a row."""

BREACHED = "SELECT clock FROM clock_rungs WHERE consequence = 'escalate' AND fired_at > :breached_after"
"""Which clocks were breached after a time; one that was, and then fell away with its case, is among them."""


def is_overdue(row: Any, now: datetime) -> bool:
    """Return whether a clock's deadline passed before it was met; one that fell away is never overdue."""
    return row.state != ClockState.CANCELLED and row.due_at is not None and row.due_at < (row.stopped_at or now)


ESCALATES = "escalate"
"""The consequence of a rung that carries the matter one level up."""


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
    def late_seconds(self) -> int:
        """Whole seconds between the rung and its firing."""
        return int((self.fired_at - self.due_at).total_seconds())


COLUMNS = (
    "id", "number", "subject", "rule", "rule_version", "rule_hash", "unit", "region", "calendar", "state", "started_at",
    "raw_due_at", "due_at", "provisional", "rungs", "next_at",
)  # fmt: skip
ENTRY_COLUMNS = ("clock", "seq", "kind", "at", "recorded_at", "actor", "data")
_CAST = {"rungs": "CAST(:rungs AS jsonb)"}
_START = text(f"""
    WITH entry AS (
        INSERT INTO clock_entries (clock, seq, kind, at, recorded_at, actor, data)
        VALUES (:id, 1, 'started', :started_at, :recorded_at, :actor, CAST(:data AS jsonb))
    )
    INSERT INTO clocks ({", ".join(COLUMNS)})
    VALUES ({", ".join(_CAST.get(name, f":{name}") for name in COLUMNS)})
""")
# `next_at` stays what it was: it tells which rungs had not fired yet.
_STOP = text("""
    WITH stopped AS (
        UPDATE clocks SET state = :state, stopped_at = :at, generation = generation + 1, entries = entries + 1
        WHERE number = :number AND id LIKE :keys AND state IN (1, 4) RETURNING *
    ), entry AS (
        INSERT INTO clock_entries (clock, seq, kind, at, recorded_at, actor, data)
        SELECT id, entries, :kind, CAST(:at AS timestamptz), :at, :actor, '{}' FROM stopped
    )
    SELECT * FROM stopped
""")
_MOVE_UNIT = text("UPDATE clocks SET unit = :unit WHERE number = :number AND id LIKE :keys AND state IN (1, 4)")
_HAND_OVER = text("UPDATE clocks SET unit = :unit WHERE number = :number AND unit = :before AND state IN (1, 4)")
_DUE = text("""
    SELECT * FROM clocks WHERE number = :number AND state IN (1, 4) AND next_at <= :now ORDER BY next_at, id FOR UPDATE
""")
_CLAIMED = text("SELECT rung, due_at, fired_at FROM clock_rungs WHERE clock = :clock")
_CLAIM = text("""
    INSERT INTO clock_rungs (clock, rung, number, kind, consequence, due_at, fired_at, unit)
    SELECT CAST(:clock AS text), rung, CAST(:number AS text), kind, consequence, due_at, CAST(:fired_at AS timestamptz),
           CAST(:unit AS text)
    FROM unnest(CAST(:rungs AS text[]), CAST(:kinds AS text[]), CAST(:consequences AS text[]),
                CAST(:dues AS timestamptz[])) AS due (rung, kind, consequence, due_at)
""")
_AFTER = text("UPDATE clocks SET next_at = :next_at, state = :state WHERE id = :id")
_BREACHES = """
    SELECT r.clock, r.rung, r.kind, r.consequence, r.unit, r.due_at, r.fired_at, c.rule, c.subject
    FROM clock_rungs r JOIN clocks c ON c.id = r.clock
    WHERE r.number = :number AND r.consequence = 'escalate'
      AND {withdrawn} (SELECT FROM clock_withdrawals w WHERE w.clock = r.clock AND w.rung = r.rung)
    ORDER BY r.due_at, r.clock, r.rung
"""
_NEXT = text("SELECT min(next_at) AS next_at FROM clocks WHERE number = :number AND state IN (1, 4)")
_STANDING = text("""
    SELECT (SELECT coalesce(sum(generation), 0) FROM clocks WHERE number = :number) AS generation, next_at, id AS clock
    FROM (SELECT next_at, id FROM clocks WHERE number = :number AND state IN (1, 4) AND next_at IS NOT NULL
          ORDER BY next_at, id LIMIT 1) AS first
    RIGHT JOIN (SELECT) AS one ON true
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """When the next rung of a case's clocks is due, of which clock, and the generation of all of them together."""

    next_at: datetime | None
    clock: str
    generation: int


def columns_of(clock: NewClock) -> tuple[Any, ...]:
    """Return what is stored for a new clock, in the order of COLUMNS."""
    projection = clock.projection
    return (
        clock.id, clock.number, clock.subject, clock.rule.name, clock.rule.version, rule_hash(clock.rule), clock.unit,
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
        await connection.execute(_START, {**row, "recorded_at": now, "actor": actor, "data": _start_data(clock)})


async def stop(
    connection: Connection, number: str, keys: str, at: datetime, actor: str, *, met: bool = True
) -> list[NewEvent]:
    """Meet (or cancel) the running clocks of a case whose key matches; `keys` is a LIKE pattern such as `task-2.%`.

    Returns the events of rungs that had passed unfired, to append after the command's own: what was overdue before it
    was stopped was overdue, whether or not anybody had asked. They wake the case's workflow, which escalates them.
    """
    parameters = {
        "number": number, "keys": f"{number}.{keys}", "at": at, "actor": actor,
        "state": int(ClockState.MET if met else ClockState.CANCELLED), "kind": "met" if met else "cancelled",
    }  # fmt: skip
    late: list[Firing] = []
    for row in await connection.execute(_STOP, parameters):
        if row.next_at is not None and row.next_at <= at:
            late += (await claim(connection, row, at, at))[0]
    late.sort(key=lambda firing: (firing.due_at, firing.clock))
    return [waking(told(number, firing), at) for firing in late]


def waking(event: NewEvent, now: datetime) -> NewEvent:
    """Return the event as one that makes the case's workflow ask at once: a rung fired that it did not ask for."""
    return replace(event, payload={**event.payload, "next_at": now}, wakes=True)


async def reassign(connection: Connection, number: str, keys: str, unit: str) -> None:
    """Make another unit answer for running clocks. No deadline moves."""
    await connection.execute(_MOVE_UNIT, {"number": number, "keys": f"{number}.{keys}", "unit": unit})


async def hand_over(connection: Connection, number: str, before: str, unit: str) -> None:
    """Make another unit answer for the running clocks one unit answered for. No deadline moves."""
    await connection.execute(_HAND_OVER, {"number": number, "before": before, "unit": unit})


async def standing(connection: Connection, number: str) -> Standing:
    """Return what a case's workflow needs to know of its clocks here."""
    row = (await connection.execute(_STANDING, {"number": number})).one()
    return Standing(row.next_at, row.clock or "", int(row.generation))


async def next_at(connection: Connection, number: str) -> datetime | None:
    """Return when the next rung of the case's clocks is due; None where none is to come."""
    found: datetime | None = await connection.scalar(_NEXT, {"number": number})
    return found


async def is_next(connection: Connection, clock: NewClock) -> bool:
    """Return whether a clock just started has the earliest rung of its case: then its workflow must hear of it."""
    return clock.next_at is not None and await next_at(connection, clock.number) == clock.next_at


async def fire(
    connection: Connection, number: str, now: datetime, until: datetime | None = None
) -> tuple[list[Firing], list[NewEvent]]:
    """Claim every rung of the case that is due by now (or `until`, before now), oldest first.

    Return them and the events that tell of them.
    """
    firings: list[Firing] = []
    until = until or now
    for row in await connection.execute(_DUE, {"number": number, "now": until}):
        fired, next_at = await claim(connection, row, now, until)
        firings += fired
        # A pause that ends by its cap has ended once that rung is behind it.
        resumed = row.due_at is not None and any(firing.kind == "pause_cap" for firing in fired)
        state = ClockState.RUNNING if resumed else ClockState(row.state)
        await connection.execute(_AFTER, {"id": row.id, "next_at": next_at, "state": int(state)})
    firings.sort(key=lambda firing: (firing.due_at, firing.clock))
    return firings, [told(number, firing) for firing in firings]


async def claim(
    connection: Connection, row: Any, now: datetime, until: datetime
) -> tuple[list[Firing], datetime | None]:
    """Claim the rungs of one locked clock that are due by `until`; return them, and when the next one is."""
    claimed = {each.rung for each in await connection.execute(_CLAIMED, {"clock": row.id})}
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


def read_rungs(stored: Any) -> list[tuple[str, datetime, str, str]]:
    """Return stored rungs: key, instant, kind and consequence, in order of time."""
    rows: Sequence[Sequence[str]] = orjson.loads(stored) if isinstance(stored, str) else stored
    return [(key, datetime.fromisoformat(at), kind, consequence) for key, at, kind, consequence in rows]


_KINDS = {"warning": "ClockReminded", "overdue": "ClockOverdue", "pause_cap": "ClockPauseCapped"}


def told(number: str, firing: Firing) -> NewEvent:
    """Return the event that tells of a rung that fired."""
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
    """Return the rungs that fired and carry a case one level up, oldest first: those that stand, or those withdrawn."""
    query = text(_BREACHES.format(withdrawn="EXISTS" if withdrawn else "NOT EXISTS"))
    rows: Iterable[Any] = await connection.execute(query, {"number": number})
    return [
        Firing(
            row.clock, row.rung, row.kind, row.consequence, row.rule, row.subject, row.unit, row.due_at, row.fired_at
        )
        for row in rows
    ]
