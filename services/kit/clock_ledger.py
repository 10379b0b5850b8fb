"""The ledger of stored clocks: what pauses, resumes, extends or moves one, and the dates that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from casework import rule_data
from casework.admission import check
from casework.calendar import LOCAL, Calendar
from casework.clock import ClockState as Doing
from casework.clock import Projection, project
from casework.errors import CaseError, Reason
from casework.ledger import Entry, entry_from_data, entry_to_data
from casework.rule import Rule
from services.kit.clocks import ClockState, read_rungs
from services.kit.clockwork import Clockwork, NewClock, rule_hash, rungs_json
from services.kit.database import Connection, Database, text
from services.kit.events import NewEvent

STATES = {
    Doing.running: ClockState.RUNNING,
    Doing.paused: ClockState.PAUSED,
    Doing.met: ClockState.MET,
    Doing.cancelled: ClockState.CANCELLED,
}
_GET = "SELECT * FROM clocks WHERE id = :id"
_LEDGER = text("""
    SELECT clock, seq, kind, at, recorded_at, actor, data FROM clock_entries
    WHERE clock = ANY(CAST(:clocks AS text[])) ORDER BY clock, seq
""")
_RULES = text("SELECT hash, content FROM clock_rules WHERE hash = ANY(CAST(:hashes AS text[]))")
_PIN = text("""
    INSERT INTO clock_rules (hash, name, version, content)
    VALUES (:hash, :name, :version, CAST(:content AS jsonb)) ON CONFLICT (hash) DO NOTHING
""")
_CLAIMS = text("SELECT rung, due_at, fired_at FROM clock_rungs WHERE clock = :clock ORDER BY due_at, rung")
_ENTER = text("""
    INSERT INTO clock_entries (clock, seq, kind, at, recorded_at, actor, data)
    VALUES (:clock, :seq, :kind, :at, :recorded_at, :actor, CAST(:data AS jsonb))
""")
_CHANGE = text("""
    UPDATE clocks SET state = :state, raw_due_at = :raw_due_at, due_at = :due_at, provisional = :provisional,
        rungs = CAST(:rungs AS jsonb), next_at = :next_at, rule_version = :rule_version, rule_hash = :rule_hash,
        calendar = :calendar, stopped_at = :stopped_at, entries = :entries, generation = generation + 1
    WHERE id = :id RETURNING *
""")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a clock: its row before and after, and the event that tells of it."""

    before: Any
    after: Any
    event: NewEvent


class Pins:
    """Keeps the whole content of every rule that a clock was started by."""

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


async def get(connection: Connection, clock: str, *, lock: bool = False) -> Any:
    """Return a clock's row; NOT_FOUND where there is none."""
    row = (await connection.execute(text(_GET + (" FOR UPDATE" if lock else "")), {"id": clock})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, clock)
    return row


async def ledgers_of(connection: Connection, clocks: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """Return the ledgers of clocks by their ids."""
    found: dict[str, list[Entry]] = {clock: [] for clock in clocks}
    for row in await connection.execute(_LEDGER, {"clocks": list(clocks)}):
        found[row.clock].append(_entry(row))
    return {clock: tuple(entries) for clock, entries in found.items()}


def _entry(row: Any) -> Entry:
    data = orjson.loads(row.data) if isinstance(row.data, str) else dict(row.data)
    instants = {"at": row.at.isoformat(), "recorded_at": row.recorded_at.isoformat()}
    return entry_from_data({**data, "kind": row.kind, "seq": row.seq, "actor": row.actor, **instants})


@lru_cache(maxsize=4096)
def _read_rule(content: str) -> Rule:
    return rule_data.from_data(orjson.loads(content))


async def rules_of(connection: Connection, hashes: Collection[str]) -> dict[str, Rule]:
    """Return the pinned rules by their hashes."""
    rows = await connection.execute(_RULES, {"hashes": list(hashes)})
    return {row.hash: _read_rule(row.content) for row in rows}


async def record(
    connection: Connection,
    clockwork: Clockwork,
    row: Any,
    entry: Entry,
    now: datetime,
    *,
    parties: Collection[str] = (),
    rule: Rule | None = None,
    calendar: Calendar | None = None,
    checked: bool = True,
) -> Change:
    """Enter something in a locked clock's ledger and derive its dates anew; a CaseError where the rule forbids it.

    `rule` replaces the pinned one (the clock moves to another version), `calendar` the one that holds.
    """
    pinned = (await rules_of(connection, [row.rule_hash]))[row.rule_hash]
    ledger = (await ledgers_of(connection, [row.id]))[row.id]
    calendar = calendar or clockwork.calendars.of(row.region)
    rule = rule or pinned
    if checked:
        check(rule, ledger, entry, now, calendar, parties)
    projection = project(rule, (*ledger, entry), calendar)
    claims = (await connection.execute(_CLAIMS, {"clock": row.id})).all()
    fired = {each.rung for each in claims}
    keys = keys_of(projection, row.rungs, fired, now, entry.seq)
    after = await _store(connection, row, entry, rule, calendar, projection, keys, fired)
    return Change(row, after, _told(row, after, entry, rule))


def keys_of(projection: Projection, stored: Any, fired: Collection[str], now: datetime, seq: int) -> dict[str, str]:
    """Return the keys rungs are claimed by: what fired and now lies ahead again is watched anew, under a new key.

    The new key is the rung's with the number of the entry that moved it: `overdue~4`. A breach is then found again
    after a pause that was recorded late took the first one back.
    """
    current = {key.split("~")[0]: key for key, _, _, _ in read_rungs(stored)}
    keys: dict[str, str] = {}
    for rung in projection.rungs:
        key = current.get(rung.key, rung.key)
        keys[rung.key] = f"{rung.key}~{seq}" if key in fired and rung.at > now else key
    return keys


async def _store(
    connection: Connection, row: Any, entry: Entry, rule: Rule, calendar: Calendar, projection: Projection,
    keys: dict[str, str], fired: set[str],
) -> Any:  # fmt: skip
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
                "state": int(STATES[projection.state]),
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
    "met": "ClockMet",
    "cancelled": "ClockCancelled",
}


def _told(before: Any, after: Any, entry: Entry, rule: Rule) -> NewEvent:
    payload: dict[str, Any] = {"clock": after.id, "rule": rule.name, "unit": after.unit, "at": entry.at.isoformat()}
    for name in ("cause", "evidence", "amount", "how", "reason", "approver", "from_version", "to_version"):
        if value := getattr(entry, name, None):
            payload[name] = str(value) if name != "amount" else value
    payload |= {"due_before": _iso(before.due_at), "due_at": _iso(after.due_at)}
    # The workflow hears of it only where it would otherwise sleep too long.
    closer = after.next_at is not None and (before.next_at is None or after.next_at < before.next_at)
    resumed = before.state in (ClockState.PAUSED, ClockState.MET) and after.next_at is not None
    if wakes := closer or resumed:
        payload["next_at"] = after.next_at.isoformat()
    return NewEvent(after.number, _EVENTS[str(entry.kind)], after.unit, payload, wakes=wakes)


def _iso(instant: datetime | None) -> str:
    return instant.astimezone(LOCAL).isoformat() if instant else ""
