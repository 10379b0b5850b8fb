"""Clocks of a service: started and met by its commands, fired when the case's workflow asks.

The owner decides what is due; a call that comes early, late or twice fires nothing that has not come due and nothing
that was fired before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from casework.limit import Limit, due, remind_at
from services.kit.database import Connection, text
from services.kit.events import NewEvent


class ClockState(IntEnum):
    """What a clock is doing; the numbers are those of the contract."""

    RUNNING = 1
    MET = 2
    CANCELLED = 3


@dataclass(frozen=True, slots=True)
class NewClock:
    """A clock to start: `key` is unique within the case, for instance `accept` or `task-2`."""

    number: str
    key: str
    subject: str
    unit: str
    rule: str
    rule_version: str
    started_at: datetime
    remind_at: datetime | None
    due_at: datetime

    @classmethod
    def of(cls, limit: Limit, number: str, key: str, subject: str, unit: str, start: datetime) -> NewClock:
        """Return the clock a limit gives, from this start."""
        return cls(
            number, key, subject, unit, limit.name, limit.version, start, remind_at(start, limit), due(start, limit)
        )

    @property
    def id(self) -> str:
        """The clock's id: `{number}.{key}`."""
        return f"{self.number}.{self.key}"

    @property
    def next_at(self) -> datetime:
        """When its first rung is due."""
        return min(self.remind_at, self.due_at) if self.remind_at else self.due_at


@dataclass(frozen=True, slots=True)
class Firing:
    """A rung of a clock that fired."""

    clock: str
    rung: str
    rule: str
    subject: str
    unit: str
    due_at: datetime
    fired_at: datetime


_START = text("""
    INSERT INTO clocks (id, number, subject, rule, rule_version, unit, state, started_at, remind_at, due_at)
    VALUES (:id, :number, :subject, :rule, :rule_version, :unit, 1, :started_at, :remind_at, :due_at)
""")
# What is stopped after its deadline was overdue, whether or not anybody had asked it to fire: it fires here.
_STOP = text("""
    UPDATE clocks
    SET state = :state, stopped_at = :at,
        overdue_at = CASE WHEN overdue_at IS NULL AND due_at <= :at THEN :at ELSE overdue_at END
    WHERE number = :number AND id LIKE :keys AND state = 1
    RETURNING *
""")
_MOVE_UNIT = text("UPDATE clocks SET unit = :unit WHERE number = :number AND id LIKE :keys AND state = 1")
_RUNNING = text("SELECT * FROM clocks WHERE number = :number AND state = 1 ORDER BY due_at, id FOR UPDATE")
_CLAIM = text("""
    UPDATE clocks SET reminded_at = coalesce(reminded_at, :reminded), overdue_at = coalesce(overdue_at, :overdue)
    WHERE id = :id
""")
_OVERDUE = text("SELECT * FROM clocks WHERE number = :number AND overdue_at IS NOT NULL ORDER BY due_at, id")
_NEXT = text("""
    SELECT min(CASE WHEN reminded_at IS NULL AND remind_at IS NOT NULL AND remind_at < due_at THEN remind_at
                    WHEN overdue_at IS NULL THEN due_at END)
    FROM clocks WHERE number = :number AND state = 1
""")


async def start(connection: Connection, *clocks: NewClock) -> None:
    """Start clocks."""
    for clock in clocks:
        await connection.execute(
            _START,
            {
                "id": clock.id,
                "number": clock.number,
                "subject": clock.subject,
                "rule": clock.rule,
                "rule_version": clock.rule_version,
                "unit": clock.unit,
                "started_at": clock.started_at,
                "remind_at": clock.remind_at,
                "due_at": clock.due_at,
            },
        )


async def stop(connection: Connection, number: str, keys: str, at: datetime, *, met: bool = True) -> list[NewEvent]:
    """Meet (or cancel) the running clocks of a case whose key matches; `keys` is a LIKE pattern such as `task-2.%`.

    Returns the events of deadlines that had passed unfired, to append behind the command's own: they wake the case's
    workflow, which escalates them.
    """
    state = ClockState.MET if met else ClockState.CANCELLED
    parameters = {"number": number, "keys": f"{number}.{keys}", "at": at, "state": int(state)}
    late = [
        Firing(row.id, "overdue", row.rule, row.subject, row.unit, row.due_at, at)
        for row in await connection.execute(_STOP, parameters)
        if row.overdue_at == at
    ]
    late.sort(key=lambda firing: (firing.due_at, firing.clock))
    told = [_told(number, firing) for firing in late]
    return [replace(event, payload={**event.payload, "next_at": at.isoformat()}, wakes=True) for event in told]


async def reassign(connection: Connection, number: str, keys: str, unit: str) -> None:
    """Make another unit answer for running clocks. No deadline moves."""
    await connection.execute(_MOVE_UNIT, {"number": number, "keys": f"{number}.{keys}", "unit": unit})


async def hand_over(connection: Connection, number: str, before: str, unit: str) -> None:
    """Make another unit answer for the running clocks one unit answered for. No deadline moves."""
    query = text("UPDATE clocks SET unit = :unit WHERE number = :number AND unit = :before AND state = 1")
    await connection.execute(query, {"number": number, "before": before, "unit": unit})


async def resume(connection: Connection, number: str, key: str) -> None:
    """Let a met clock run again towards its first deadline: what met it turned out not to be enough."""
    query = text("UPDATE clocks SET state = 1, stopped_at = NULL WHERE id = :id AND state = 2")
    await connection.execute(query, {"id": f"{number}.{key}"})


async def is_next(connection: Connection, clock: NewClock) -> bool:
    """Return whether a clock just started has the earliest rung of its case: then its workflow must hear of it."""
    return await next_at(connection, clock.number) == clock.next_at


async def next_at(connection: Connection, number: str) -> datetime | None:
    """Return when the next rung of the case's clocks is due; None where none runs."""
    found: datetime | None = await connection.scalar(_NEXT, {"number": number})
    return found


async def fire(connection: Connection, number: str, now: datetime) -> tuple[list[Firing], list[NewEvent]]:
    """Claim every rung of the case that is due by now, oldest first; return them and the events that tell of them.

    A reminder whose deadline has passed as well is claimed and told as overdue only: after an outage, nobody is
    reminded of what is already late.
    """
    firings: list[Firing] = []
    for row in (await connection.execute(_RUNNING, {"number": number})).all():
        late = row.overdue_at is None and row.due_at <= now
        remind = row.reminded_at is None and row.remind_at is not None and row.remind_at <= now
        if not (late or remind):
            continue
        await connection.execute(
            _CLAIM, {"id": row.id, "reminded": now if remind else None, "overdue": now if late else None}
        )
        rung, at = ("overdue", row.due_at) if late else ("reminder", row.remind_at)
        firings.append(Firing(row.id, rung, row.rule, row.subject, row.unit, at, now))
    firings.sort(key=lambda firing: (firing.due_at, firing.clock))
    return firings, [_told(number, firing) for firing in firings]


def _told(number: str, firing: Firing) -> NewEvent:
    late = int((firing.fired_at - firing.due_at).total_seconds())
    payload: dict[str, str | int] = {
        "clock": firing.clock,
        "rule": firing.rule,
        "rung": firing.rung,
        "subject": firing.subject,
        "unit": firing.unit,
        "due_at": firing.due_at.isoformat(),
        "late_by_seconds": late,
    }
    kind = "ClockOverdue" if firing.rung == "overdue" else "ClockReminded"
    return NewEvent(number, kind, firing.unit, payload)


async def overdue(connection: Connection, number: str) -> list[Firing]:
    """Return the overdue rungs ever fired for a case, oldest first."""
    rows = (await connection.execute(_OVERDUE, {"number": number})).all()
    return [Firing(row.id, "overdue", row.rule, row.subject, row.unit, row.due_at, row.overdue_at) for row in rows]
