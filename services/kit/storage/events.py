"""The event log of a service: appending to a case's chain, and sealing committed events into the feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Select,
    TableClause,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    table,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from casework.chain import content_hash
from services.kit.catalogue import catalogue
from services.kit.storage.database import Connection, Database, text
from services.kit.storage.models import Event, FeedHead


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened to a case of `unit`; `wakes` is whether the case's workflow must be notified.

    `bulk` says that it came with many others or from a machine: what a person did is handled first. The payload is
    passed with enums, instants and days as such; the catalogue says how it is written.
    """

    number: str
    kind: str
    unit: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    wakes: bool = False
    bulk: bool = False
    firing: Any = field(default=None, repr=False, compare=False)
    """The rung of a clock whose firing it reports."""


def heads_of(heads: str) -> TableClause:
    """Return the table of a service that has the heads of its chains, with the columns that all three have."""
    return table(
        heads, column("number", Text), column("seq", BigInteger), column("head", LargeBinary), column("unit", Text),
        column("sealed_key", LargeBinary),
    )  # fmt: skip


_NUMBER = bindparam("number", type_=Text)
_SAID = {
    name: bindparam(name, type_=Event.__table__.c[name].type)
    for name in ("kind", "occurred_at", "actor", "unit", "payload", "content", "wakes", "trace_parent", "bulk")
}


@lru_cache
def _append(heads: str) -> ReturningInsert[int]:
    """Return what appends an event. The head's row lock orders the events of a case.

    PostgreSQL computes what `casework.chain.chain_hash` computes.
    """
    row = heads_of(heads)
    seq = row.c.seq + 1
    link = func.sha256(row.c.head.concat(func.int8send(seq)).concat(_SAID["content"]))
    head = (
        update(row)
        .where(row.c.number == _NUMBER)
        .values(seq=seq, head=link)
        .returning(row.c.seq, row.c.head)
        .cte("head")
    )  # fmt: skip
    names = ("number", "seq", "hash", *_SAID)
    return (
        insert(Event)
        .from_select(names, select(_NUMBER, head.c.seq, head.c.head, *_SAID.values()))
        .returning(Event.seq)
    )  # fmt: skip


@lru_cache
def _lock(heads: str) -> Select[Any]:
    row = heads_of(heads)
    return (
        select(literal_column("true")).select_from(row).where(row.c.number == _NUMBER).with_for_update(key_share=True)
    )


class EventLog:
    """Appends a service's events. `heads` is its table with one row per case, which holds the head of the chain."""

    def __init__(self, service: str, heads: str) -> None:
        self._service = service
        self._append = _append(heads)
        self._lock = _lock(heads)

    async def lock(self, connection: Connection, number: str) -> None:
        """Lock a case until the end of the transaction: whatever changes a case takes this lock first."""
        await connection.execute(self._lock, {"number": number})

    async def append(
        self, connection: Connection, events: list[NewEvent], *, at: datetime, actor: str, trace: str
    ) -> int:
        """Append the events, in order, inside the caller's transaction; return the last one's number in its case."""
        seq = 0
        for event in events:
            payload = catalogue(self._service).written(event.kind, event.payload)
            parameters = {
                "number": event.number,
                "kind": event.kind,
                "occurred_at": at,
                "actor": actor,
                "unit": event.unit,
                "payload": orjson.dumps(payload).decode(),
                "content": content_hash(event.number, event.kind, event.unit, at, actor, payload),
                "wakes": event.wakes,
                "trace_parent": trace,
                "bulk": event.bulk or event.kind.startswith("Clock"),
            }
            found = await connection.scalar(self._append, parameters)
            if found is None:
                raise LookupError(f"no case {event.number} to append to")
            seq = found
        return seq


# SQL text: almost all of it is specific to PostgreSQL, and its readers must know how snapshots work.
# Everything in one statement, so that the stored snapshot is the one the events were read with: the next
# pass takes exactly the transactions committed between the two. A transaction that is still running is left
# for the pass after its commit, however slow it is, and delays nobody. What was committed between the same two passes
# is ordered by when it was written. A pass that finds nothing writes nothing.
_SEAL = """
    WITH fresh AS (
        SELECT (SELECT position FROM feed_head) + row_number() OVER (ORDER BY id) AS position, id, hash
        FROM events WHERE {committed_since}
    ),
    placed AS (INSERT INTO feed (position, event_id) SELECT position, id FROM fresh ORDER BY position),
    seal AS (
        SELECT max(position) AS last, count(*) AS count,
               sha256((SELECT hash FROM feed_head) || string_agg(hash, ''::bytea ORDER BY position)) AS hash
        FROM fresh HAVING count(*) > 0
    ),
    sealed AS (INSERT INTO seals (last_position, count, hash) SELECT last, count, hash FROM seal)
    UPDATE feed_head
    SET snapshot = pg_current_snapshot(),
        position = coalesce((SELECT last FROM seal), feed_head.position),
        hash = coalesce((SELECT hash FROM seal), feed_head.hash),
        cluster = (SELECT system_identifier::text FROM pg_control_system())
    WHERE {worth_writing}
    RETURNING position
"""
# Scalars, so that every pass is an index lookup however long the history is. A snapshot with transactions under
# way is replaced once they have ended; otherwise passes would read all that was committed since the oldest of them. Its
# cluster is compared because the transaction numbers of a cluster this was restored from are used again here.
_SEAL_NEW = text(
    _SEAL.format(
        committed_since="""xid >= (SELECT pg_snapshot_xmin(snapshot) FROM feed_head)
            AND xid < pg_snapshot_xmax(pg_current_snapshot())
            AND NOT pg_visible_in_snapshot(xid, (SELECT snapshot FROM feed_head))
            AND (SELECT true FROM feed WHERE feed.event_id = events.id) IS NULL""",
        worth_writing="""EXISTS (SELECT FROM seal)
            OR pg_snapshot_xmin(feed_head.snapshot) < pg_snapshot_xmax(feed_head.snapshot)""",
    )
)
# After a dump was restored into another cluster, old transaction numbers mean nothing: take what has no position yet.
_SEAL_RESTORED = text(
    _SEAL.format(
        committed_since="NOT EXISTS (SELECT 1 FROM feed WHERE feed.event_id = events.id)", worth_writing="true"
    )
)
_CLUSTER = func.pg_control_system().table_valued("system_identifier")
_ONE_AT_A_TIME = select(
    func.pg_try_advisory_xact_lock(4209, func.hashtext(func.current_schema())),
    FeedHead.cluster == select(cast(_CLUSTER.c.system_identifier, Text)).scalar_subquery(),
).select_from(FeedHead)
_HEAD = select(FeedHead.position)


class FeedSealer:
    """Gives committed events their positions. One process at a time per service: the one that holds the lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seal(self) -> int | None:
        """Seal what was committed since the last pass; return the last position, None if there was nothing to do here.

        Then nothing was committed, or another process seals.
        """
        async with self._database.begin() as connection:
            # Checked every time: a service may outlive the cluster it is connected to.
            first, same_cluster = (await connection.execute(_ONE_AT_A_TIME)).one()
            if not first:
                return None
            position: int | None = await connection.scalar(_SEAL_NEW if same_cluster else _SEAL_RESTORED)
        return position


async def head_position(database: Database) -> int:
    """Return the feed's last position."""
    async with database.read() as connection:
        return (await connection.execute(_HEAD)).one()[0]
