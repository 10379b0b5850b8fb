"""The event log of a service: appending to a case's chain, and sealing committed events into the feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from casework.chain import Payload, content_hash
from services.kit.database import AsyncConnection, Database, text


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened to a case. `unit` is whose matter it is; `wakes` whether its workflow must hear of it."""

    number: str
    kind: str
    unit: str
    payload: Payload = field(default_factory=dict)
    wakes: bool = False


class EventLog:
    """Appends events. `heads` is the service's table with one row a case, which carries the chain's head."""

    def __init__(self, heads: str) -> None:
        # The head's row lock orders the events of a case; PostgreSQL computes what casework.chain.chain_hash computes.
        self._append = text(f"""
            WITH head AS (
                UPDATE {heads} SET seq = seq + 1, head = sha256(head || int8send(seq + 1) || :content)
                WHERE number = :number RETURNING seq, head
            )
            INSERT INTO events
                (number, seq, kind, occurred_at, actor, unit, payload, content, hash, wakes, trace_parent)
            SELECT :number, head.seq, :kind, :at, :actor, :unit, CAST(:payload AS jsonb), :content, head.head,
                   :wakes, :trace
            FROM head RETURNING seq
        """)

    async def append(
        self, connection: AsyncConnection, events: list[NewEvent], *, at: datetime, actor: str, trace: str
    ) -> int:
        """Append the events, in order, inside the caller's transaction; return the last one's number in its case."""
        seq = 0
        for event in events:
            parameters = {
                "number": event.number,
                "kind": event.kind,
                "at": at,
                "actor": actor,
                "unit": event.unit,
                "payload": orjson.dumps(event.payload).decode(),
                "content": content_hash(event.number, event.kind, at, actor, event.payload),
                "wakes": event.wakes,
                "trace": trace,
            }
            found = (await connection.execute(self._append, parameters)).scalar()
            if found is None:
                raise LookupError(f"no case {event.number} to append to")
            seq = int(found)
        return seq


# Everything in one statement, so that the snapshot that is remembered is the one the events were read with: the next
# pass takes exactly the transactions that were committed between the two. A transaction that is still running is left
# for the pass after its commit, however slow it is, and holds nobody up.
_SEAL = """
    WITH head AS (SELECT position, snapshot, hash FROM feed_head),
    fresh AS (
        SELECT head.position + row_number() OVER (ORDER BY events.id) AS position, events.id, events.hash
        FROM events, head WHERE {committed_since}
    ),
    placed AS (INSERT INTO feed (position, event_id) SELECT position, id FROM fresh ORDER BY position),
    seal AS (
        SELECT max(fresh.position) AS last, count(*) AS count,
               sha256((array_agg(head.hash))[1] || string_agg(fresh.hash, ''::bytea ORDER BY fresh.position)) AS hash
        FROM fresh, head HAVING count(*) > 0
    ),
    sealed AS (INSERT INTO seals (last_position, count, hash) SELECT last, count, hash FROM seal)
    UPDATE feed_head
    SET snapshot = pg_current_snapshot(),
        position = coalesce((SELECT last FROM seal), feed_head.position),
        hash = coalesce((SELECT hash FROM seal), feed_head.hash),
        cluster = (SELECT system_identifier::text FROM pg_control_system())
    RETURNING position
"""
_SEAL_NEW = text(
    _SEAL.format(
        committed_since="events.xid >= pg_snapshot_xmin(head.snapshot)"
        " AND NOT pg_visible_in_snapshot(events.xid, head.snapshot)"
    )
)
# After a dump was restored into another cluster, old transaction numbers mean nothing: take what has no place yet.
_SEAL_RESTORED = text(_SEAL.format(committed_since="NOT EXISTS (SELECT 1 FROM feed WHERE feed.event_id = events.id)"))
_SAME_CLUSTER = text("SELECT cluster = (SELECT system_identifier::text FROM pg_control_system()) FROM feed_head")
_ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(4209, hashtext(current_schema()))")


class FeedSealer:
    """Gives committed events their positions. One at a time per service, whichever process holds the lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._same_cluster = False

    async def seal(self) -> int | None:
        """Seal what was committed since the last pass; return the feed's last position, None if another one seals."""
        async with self._database.begin() as connection:
            if not await connection.scalar(_ONE_AT_A_TIME):
                return None
            if not self._same_cluster and not await connection.scalar(_SAME_CLUSTER):
                position = await connection.scalar(_SEAL_RESTORED)
            else:
                position = await connection.scalar(_SEAL_NEW)
        self._same_cluster = True
        return int(position or 0)


async def head_position(database: Database) -> int:
    """Return the feed's last position."""
    async with database.begin() as connection:
        return int((await connection.execute(text("SELECT position FROM feed_head"))).scalar_one())


def row_payload(value: Any) -> Any:
    """Return a payload as stored: asyncpg hands jsonb out as text."""
    return orjson.loads(value) if isinstance(value, str) else value
