"""The ledger of stored clocks: what pauses, resumes, extends or moves one, and the dates that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Text, and_, any_, bindparam, insert, select, type_coerce, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from casework.clocks import rule_data
from casework.clocks.admission import check, last_day_to_enter, pause_ended
from casework.clocks.calendar import LOCAL, Calendar
from casework.clocks.clock import ClockState as Doing
from casework.clocks.clock import Projection, RungKind, project
from casework.clocks.ledger import Cancelled, Entry, Met, Reopened, Resumed, entry_from_data, entry_to_data
from casework.clocks.rule import Holder, Rule, Whom
from casework.errors import CaseError, Reason
from casework.names import clock_id
from services.kit.clocks import clocks
from services.kit.clocks.calendars import calendar_of
from services.kit.clocks.clocks import Firing, read_rungs
from services.kit.clocks.clockwork import Clockwork, NewClock, rule_hash, rungs_json
from services.kit.clocks.models import LIVE, Clock, ClockEntry, ClockRule, ClockRung, ClockState, ClockWithdrawal
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import NewEvent

STATES = {
    Doing.running: ClockState.RUNNING,
    Doing.paused: ClockState.PAUSED,
    Doing.met: ClockState.MET,
    Doing.cancelled: ClockState.CANCELLED,
}
_GET = select(Clock).where(Clock.id == bindparam("id"))
_LOCK = _GET.with_for_update()
_LEDGER = (
    select(ClockEntry)
    .where(ClockEntry.clock == any_(bindparam("clocks", type_=ARRAY(Text))))
    .order_by(ClockEntry.clock, ClockEntry.seq)
)
# The content as text: a process reads it once.
_RULES = select(ClockRule.hash, type_coerce(ClockRule.content, Text)).where(
    ClockRule.hash == any_(bindparam("hashes", type_=ARRAY(Text)))
)
_PIN = (
    upsert(ClockRule)
    .values({name: bindparam(name) for name in ("hash", "name", "version", "content")})
    .on_conflict_do_nothing(index_elements=[ClockRule.hash])
)
_CLAIMS = (
    select(
        ClockRung.rung, ClockRung.kind, ClockRung.consequence, Clock.rule, Clock.subject, ClockRung.unit,
        ClockRung.due_at, ClockRung.fired_at, ClockWithdrawal.clock.is_not(None),
    )
    .join(Clock, Clock.id == ClockRung.clock)
    .outerjoin(
        ClockWithdrawal, and_(ClockWithdrawal.clock == ClockRung.clock, ClockWithdrawal.rung == ClockRung.rung)
    )
    .where(ClockRung.clock == bindparam("clock"))
    .order_by(ClockRung.due_at, ClockRung.rung)
)  # fmt: skip
_WITHDRAW = insert(ClockWithdrawal).values(
    clock=bindparam("clock"), rung=bindparam("rung"), seq=bindparam("seq"), withdrawn_at=bindparam("at")
)
_RUNNING = (
    select(Clock)
    .where(Clock.number == bindparam("number"), Clock.id.like(bindparam("keys", type_=Text)), Clock.state.in_(LIVE))
    .order_by(Clock.id)
    .with_for_update()
)
_ENTER = insert(ClockEntry).values({name: bindparam(name) for name in clocks.ENTRY_COLUMNS})
_CHANGED = (
    "state", "raw_due_at", "due_at", "provisional", "rungs", "next_at", "rule_version", "rule_hash", "calendar",
    "stopped_at", "entries",
)  # fmt: skip
_CHANGE = (
    update(Clock)
    .where(Clock.id == bindparam("id"))
    .values({**{name: bindparam(name) for name in _CHANGED}, "generation": Clock.generation + 1})
    .returning(Clock)
)


@dataclass(frozen=True, slots=True)
class Claim(Firing):
    """A rung that fired, and whether its breach has been withdrawn."""

    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a clock: its row before and after, and the events that report it.

    The first reports the entry; then come breaches that it withdrew and deadlines that were missed before.
    """

    before: Clock
    after: Clock
    events: list[NewEvent]


class Pins:
    """Stores the whole content of every rule that a clock was started by."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: set[str] = set()

    async def keep(self, rules: Collection[Rule]) -> None:
        """Store what is not stored yet, in a transaction of its own: a command that fails does not unpin a rule."""
        missing = {key: rule for rule in rules if (key := rule_hash(rule)) not in self._kept}
        if not missing:
            return
        async with self._database.begin() as connection:
            for key in sorted(missing):
                rule = missing[key]
                content = orjson.dumps(rule_data.to_data(rule)).decode()
                parameters = {"hash": key, "name": rule.name, "version": rule.version, "content": content}
                await connection.execute(_PIN, parameters)
        self._kept |= missing.keys()

    async def keep_of(self, clocks: Collection[NewClock]) -> None:
        """Store the rules of new clocks."""
        await self.keep([clock.rule for clock in clocks])


async def get(connection: Connection, clock: str, *, lock: bool = False) -> Clock:
    """Return a clock's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_LOCK if lock else _GET, {"id": clock})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, clock)
    return row


async def ledgers_of(connection: Connection, clocks: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """Return the ledgers of clocks by their ids."""
    found: dict[str, list[Entry]] = {clock: [] for clock in clocks}
    for row in await connection.execute(_LEDGER, {"clocks": list(clocks)}):
        found[row.clock].append(_entry(row))
    return {clock: tuple(entries) for clock, entries in found.items()}


def _entry(row: ClockEntry) -> Entry:
    instants = {"at": row.at.isoformat(), "recorded_at": row.recorded_at.isoformat()}
    return entry_from_data({**row.data, "kind": row.kind, "seq": row.seq, "actor": row.actor, **instants})


_PINNED: dict[str, Rule] = {}
"""Rules read so far, by their hashes: as many as there were versions of limits."""


def _read_rule(content: str) -> Rule:
    return rule_data.from_data(orjson.loads(content))


async def rules_of(connection: Connection, hashes: Collection[str]) -> dict[str, Rule]:
    """Return the pinned rules by their hashes. What a hash means never changes: it is read once."""
    if unknown := [each for each in hashes if each not in _PINNED]:
        _PINNED.update(
            (key, _read_rule(content)) for key, content in await connection.execute(_RULES, {"hashes": unknown})
        )
    return {each: _PINNED[each] for each in hashes if each in _PINNED}


async def record(
    connection: Connection,
    clockwork: Clockwork,
    row: Clock,
    entry: Entry,
    now: datetime,
    *,
    parties: Collection[str] = (),
    rule: Rule | None = None,
    calendar: Calendar | None = None,
    checked: bool = True,
) -> Change:
    """Record an entry in a locked clock's ledger and recompute its dates; a CaseError if the rule forbids it.

    `rule` and `calendar` replace the pinned ones: the clock moves to another version.
    """
    pinned = (await rules_of(connection, [row.rule_hash]))[row.rule_hash]
    ledger = (await ledgers_of(connection, [row.id]))[row.id]
    calendar = calendar or await calendar_of(connection, clockwork, row)
    rule = rule or pinned
    if isinstance(entry, Resumed) and entry.of is None:
        # It ends the one pause that is open, whatever is recorded late about another one.
        entry = replace(entry, of=pause_ended(ledger, entry.at))
    if checked:
        check(rule, ledger, entry, now, calendar, parties)
    projection = project(rule, (*ledger, entry), calendar)
    claims = [Claim(row.id, *each) for each in await connection.execute(_CLAIMS, {"clock": row.id})]
    keys, lost = settle(projection, row.rungs, claims, now, entry.seq)
    after = await _store(connection, row, entry, rule, calendar, projection, keys, {each.rung for each in claims})
    events = [_told(row, after, entry, rule, now)]
    for claim in lost:
        await connection.execute(_WITHDRAW, {"clock": row.id, "rung": claim.rung, "seq": entry.seq, "at": now})
        events.append(_withdrawn(row.number, claim, now))
    if projection.ended_at is not None:
        # What was due before its end is reported now: nobody asks about a clock that has ended.
        missed, _ = await clocks.claim(connection, after, now, projection.ended_at)
        events += [clocks.waking(clocks.told(row.number, firing), now) for firing in missed]
    return Change(row, after, events)


def plain(key: str) -> str:
    """Return the key of a rung without the suffix of its claim: `overdue+1~4` is a claim of `overdue+1`."""
    return key.split("~")[0]


def settle(
    projection: Projection, stored: str | Sequence[Sequence[str]], claims: Sequence[Claim], now: datetime, seq: int
) -> tuple[dict[str, str], list[Claim]]:
    """Return the keys by which rungs are claimed from now on, and the claims of breaches that turned out to be none.

    A breach belongs to one instant. If the end moved, the breach of the old end is withdrawn, and that of the new
    one is reported when it comes, or at once if it has come. A warning that was given but is due again later is given
    again. A new claim has a new key, with the number of the entry that moved it: `overdue~4`.
    """
    current = {plain(key): key for key, _, _, _ in read_rungs(stored)}
    claimed = {each.rung for each in claims}
    standing = {
        (_name(each.rung), each.due_at): each for each in claims if each.kind == "overdue" and not each.withdrawn
    }
    keys: dict[str, str] = {}
    for rung in projection.rungs:
        key = current.get(rung.key, rung.key)
        if rung.kind is RungKind.overdue:
            held = standing.pop((rung.name, rung.at), None)
            keys[rung.key] = held.rung if held else f"{rung.key}~{seq}" if key in claimed else key
        else:
            keys[rung.key] = f"{rung.key}~{seq}" if key in claimed and rung.at > now else key
    return keys, list(standing.values())


def _name(key: str) -> str:
    return plain(key).split("+")[0]


async def end(
    connection: Connection, clockwork: Clockwork, number: str, keys: str, at: datetime, now: datetime, actor: str,
    *, met: bool,
) -> list[NewEvent]:  # fmt: skip
    """Meet (or cancel) running clocks of a case by something that was done before it was recorded.

    What was done in time counts as in time: a breach reported meanwhile is withdrawn. If a unit's own clock is met
    after the bound for late entries, it ends only now; what others did counts from its own day, however late it is
    recorded. Returns the events about breaches, to append after the command's own.
    """
    events: list[NewEvent] = []
    for row in await connection.execute(_RUNNING, {"number": number, "keys": clock_id(number, keys)}):
        rule = (await rules_of(connection, [row.rule_hash]))[row.rule_hash]
        last = last_day_to_enter(rule, at, await calendar_of(connection, clockwork, row))
        own = rule.belongs_to is Holder.handling and rule.for_whom is Whom.duty
        instant = now if own and now.astimezone(LOCAL).date() > last else max(at, row.started_at)
        entry = (Met if met else Cancelled)(seq=row.entries + 1, at=instant, recorded_at=now, actor=actor)
        change = await record(connection, clockwork, row, entry, now, checked=False)
        events += change.events[1:]
    return events


async def replace_clock(
    connection: Connection, clockwork: Clockwork, row: Clock, at: datetime, now: datetime, actor: str
) -> list[NewEvent]:
    """Cancel a locked clock at an instant, running or met: another one takes its place from another start.

    Breaches that were due after that instant are withdrawn; returns the events that say so.
    """
    events: list[NewEvent] = []
    if row.state not in LIVE:
        again = Reopened(seq=row.entries + 1, at=at, recorded_at=now, actor=actor)
        change = await record(connection, clockwork, row, again, now, checked=False)
        row, events = change.after, change.events[1:]
    entry = Cancelled(seq=row.entries + 1, at=at, recorded_at=now, actor=actor)
    change = await record(connection, clockwork, row, entry, now, checked=False)
    return [*events, *change.events[1:]]


async def _store(
    connection: Connection, row: Clock, entry: Entry, rule: Rule, calendar: Calendar, projection: Projection,
    keys: dict[str, str], fired: set[str],
) -> Clock:  # fmt: skip
    data = entry_to_data(entry)
    told = {name: value for name, value in data.items() if name not in ("kind", "seq", "at", "recorded_at", "actor")}
    entered = {"clock": row.id, "seq": entry.seq, "kind": str(entry.kind), "at": entry.at, "actor": entry.actor}
    await connection.execute(_ENTER, {**entered, "recorded_at": entry.recorded_at, "data": orjson.dumps(told).decode()})
    rungs = rungs_json(projection, keys)
    next_at = next((at for key, at, _, _ in read_rungs(rungs) if key not in fired), None)
    return (
        await connection.execute(
            _CHANGE,
            {
                "id": row.id,
                "state": STATES[projection.state],
                "raw_due_at": projection.raw_due,
                "due_at": projection.due,
                "provisional": projection.provisional,
                "rungs": rungs,
                "next_at": next_at,
                "rule_version": rule.version,
                "rule_hash": rule_hash(rule),
                "calendar": calendar.version,
                "stopped_at": projection.ended_at,
                "entries": entry.seq,
            },
        )
    ).one()


_EVENTS = {
    "paused": "ClockPaused",
    "resumed": "ClockResumed",
    "extended": "ClockExtended",
    "extension_revoked": "ClockExtensionRevoked",
    "moved": "ClockMoved",
    "reopened": "ClockReopened",
    "restarted": "ClockRestarted",
    "met": "ClockMet",
    "cancelled": "ClockCancelled",
}


def _told(before: Clock, after: Clock, entry: Entry, rule: Rule, now: datetime) -> NewEvent:
    payload: dict[str, Any] = {
        "clock": after.id, "rule": rule.name, "unit": after.unit, "entry": entry.seq, "at": entry.at,
    }  # fmt: skip
    for name in ("cause", "evidence", "amount", "how", "of", "reason", "approver", "from_version", "to_version"):
        if value := getattr(entry, name, None):
            payload[name] = value
    payload |= {"due_before": before.due_at, "due_at": after.due_at}
    # The workflow is notified whenever it sleeps until another instant, too long or not.
    if wakes := after.state in LIVE and after.next_at != before.next_at:
        sooner = after.next_at is not None and (before.next_at is None or after.next_at < before.next_at)
        payload["next_at"] = after.next_at if sooner else now
    elif wakes := before.state == ClockState.MET and after.next_at is not None:
        payload["next_at"] = after.next_at
    return NewEvent(after.number, _EVENTS[str(entry.kind)], after.unit, payload, wakes=wakes)


def _withdrawn(number: str, claim: Claim, now: datetime) -> NewEvent:
    """Return the event of a withdrawn breach: the workflow is notified, and the escalation it caused is withdrawn."""
    payload = {
        "clock": claim.clock, "rule": claim.rule, "rung": claim.rung, "consequence": claim.consequence,
        "subject": claim.subject, "unit": claim.unit, "due_at": claim.due_at, "fired_at": claim.fired_at,
    }  # fmt: skip
    return clocks.waking(NewEvent(number, "ClockBreachWithdrawn", claim.unit, payload), now)
