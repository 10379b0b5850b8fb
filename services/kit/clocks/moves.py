"""What an edited calendar or a newer rule version moves: previewed, then applied clock by clock and recorded."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Integer, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.clocks.calendar import LOCAL, CalendarBook, Layer
from casework.clocks.clock import Projection, project
from casework.clocks.ledger import Moved
from casework.clocks.rule import Rule
from casework.clocks.rule_book import UnknownRule
from services.kit.clocks import calendars as clock_calendars
from services.kit.clocks import clocks
from services.kit.clocks import ledger as clock_ledger
from services.kit.clocks.calendars import layer_from_data, layer_to_data
from services.kit.clocks.clocks import read_rungs
from services.kit.clocks.clockwork import Clockwork, rule_hash
from services.kit.clocks.models import LIVE, CalendarLayer, Clock
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog

_BATCH = 500
_RUNNING = (
    select(Clock)
    .where(Clock.state.in_(LIVE), Clock.id > bindparam("after"))
    .order_by(Clock.id)
    .limit(bindparam("limit", type_=Integer))
)
# A clock that has changed since it was read is left for the next pass.
_SEEN = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Text)),
        bindparam("generations", type_=ARRAY(Integer)),
        bindparam("calendars", type_=ARRAY(Text)),
    )
    .table_valued("id", "generation", "calendar")
    .render_derived("seen")
)
_FOLLOW = (
    update(Clock)
    .where(Clock.id == _SEEN.c.id, Clock.generation == _SEEN.c.generation)
    .values(calendar=_SEEN.c.calendar)
)  # fmt: skip
_LAYERS = select(CalendarLayer.content).order_by(CalendarLayer.id)
_KEEP_LAYER = (
    insert(CalendarLayer)
    .values({name: bindparam(name) for name in ("digest", "content", "actor", "reason", "applied_at")})
    .on_conflict_do_nothing(index_elements=[CalendarLayer.digest])
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is previewed or applied: calendars, and possibly the newest version of a rule."""

    calendars: CalendarBook
    rule: str
    name: str
    """16 hex digits that identify this candidate."""

    @classmethod
    def of(cls, clockwork: Clockwork, layers: list[Layer], layer: Layer | None, rule: str) -> Candidate:
        """Return the candidate of a layer over those applied, and a rule; UnknownRule where there is none."""
        said = [each.digest() for each in (*layers, *([layer] if layer else []))]
        if rule:
            said += [rule_hash(each) for each in clockwork.rules.versions(rule)]
        calendars = clockwork.candidate([*layers, *([layer] if layer else [])])
        said.append(calendars.of().version)
        return cls(calendars, rule, hashlib.sha256("\n".join(said).encode()).hexdigest()[:16])


@dataclass(frozen=True, slots=True)
class Move:
    """A clock whose pins would change, with its dates before and after."""

    row: Clock
    rule: Rule
    old_rule: Rule
    projection: Projection

    @property
    def moves(self) -> bool:
        """Whether its rule or any of its dates changes; otherwise only its calendar does."""
        row, said = self.row, self.projection
        same = (said.due, said.raw_due, said.provisional) == (row.due_at, row.raw_due_at, row.provisional)
        instants = [at for _, at, _, _ in read_rungs(row.rungs)] == [rung.at for rung in said.rungs]
        return not (same and instants and rule_hash(self.rule) == row.rule_hash)


async def applied_layers(connection: Connection) -> list[Layer]:
    """Return the layers that were applied, in order."""
    return [layer_from_data(content) for (content,) in await connection.execute(_LAYERS)]


async def keep_layer(connection: Connection, layer: Layer, actor: str, reason: str, now: datetime) -> None:
    """Store an applied layer, once."""
    content = orjson.dumps(layer_to_data(layer)).decode()
    digest = hashlib.sha256(f"{layer.name}\n{layer.digest()}".encode()).hexdigest()
    parameters = {"digest": digest, "content": content, "actor": actor, "reason": reason, "applied_at": now}
    await connection.execute(_KEEP_LAYER, parameters)


async def moves(database: Database, clockwork: Clockwork, candidate: Candidate, unit: str) -> AsyncIterator[Move]:
    """Yield every running clock of units with the prefix whose pins the candidate would change."""
    after = ""
    while True:
        async with database.begin() as connection:
            rows = (await connection.execute(_RUNNING, {"after": after, "limit": _BATCH})).all()
            found = await _stale(connection, clockwork, candidate, [row for row in rows if row.unit.startswith(unit)])
        for move in found:
            yield move
        if len(rows) < _BATCH:
            return
        after = rows[-1].id


async def _stale(connection: Connection, clockwork: Clockwork, candidate: Candidate, rows: list[Clock]) -> list[Move]:
    pinned = await clock_ledger.rules_of(connection, {row.rule_hash for row in rows})
    stale: list[tuple[Clock, Rule]] = []
    for row in rows:
        rule = newest(clockwork, candidate, row, pinned[row.rule_hash])
        if rule_hash(rule) != row.rule_hash or candidate.calendars.of(row.region).version != row.calendar:
            stale.append((row, rule))
    ledgers = await clock_ledger.ledgers_of(connection, [row.id for row, _ in stale])
    return [
        Move(row, rule, pinned[row.rule_hash], project(rule, ledgers[row.id], candidate.calendars.of(row.region)))
        for row, rule in stale
    ]


def newest(clockwork: Clockwork, candidate: Candidate, row: Clock, pinned: Rule) -> Rule:
    """Return the rule a clock would follow: its pinned one, or the newest of that name if the candidate says so.

    The number of days of a task belongs to its plan and does not change.
    """
    if candidate.rule != row.rule:
        return pinned
    try:
        rule = clockwork.rules.get(row.rule, row.region or None, row.started_at.astimezone(LOCAL).date())
    except UnknownRule:
        return pinned
    return clockwork.rules.task(pinned.n) if row.rule == "task" else rule


async def apply(
    connection: Connection, clockwork: Clockwork, log: EventLog, candidate: Candidate, batch: list[Move],
    *, actor: str, reason: str, trace: str, now: datetime, fired: list[clocks.Firing],
) -> int:  # fmt: skip
    """Move these clocks to the candidate, each with an entry in its ledger and an event; return how many moved.

    Rungs that fire because of it are added to `fired`.
    """
    await clock_calendars.keep(connection, clockwork.calendars, candidate.calendars)
    kept = [move for move in batch if not move.moves]
    await _keep(connection, candidate, kept)
    moved = 0
    # Cases in a fixed order, each before its clocks, as commands lock them: no deadlock.
    for move in sorted((move for move in batch if move.moves), key=lambda move: (move.row.number, move.row.id)):
        await log.lock(connection, move.row.number)
        row = await clock_ledger.get(connection, move.row.id, lock=True)
        pinned = (await clock_ledger.rules_of(connection, [row.rule_hash]))[row.rule_hash]
        rule, calendar = newest(clockwork, candidate, row, pinned), candidate.calendars.of(row.region)
        if row.state not in LIVE or (rule_hash(rule) == row.rule_hash and calendar.version == row.calendar):
            continue
        entry = Moved(
            seq=row.entries + 1, at=now, recorded_at=now, actor=actor, reason=reason,
            from_version=f"{pinned.version}/{row.calendar}", to_version=f"{rule.version}/{calendar.version}",
        )  # fmt: skip
        change = await clock_ledger.record(
            connection, clockwork, row, entry, now, rule=rule, calendar=calendar, checked=False
        )
        await log.append(connection, change.events, at=now, actor=actor, trace=trace)
        fired += [event.firing for event in change.events if event.firing is not None]
        moved += 1
    return moved


async def _keep(connection: Connection, candidate: Candidate, kept: list[Move]) -> None:
    if kept:
        await connection.execute(
            _FOLLOW,
            {
                "ids": [move.row.id for move in kept],
                "generations": [move.row.generation for move in kept],
                "calendars": [candidate.calendars.of(move.row.region).version for move in kept],
            },
        )
